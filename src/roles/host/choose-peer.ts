/** Chooses the best dialect in which a guest can be called now. */
import { NegotiatorError } from "../../errors.ts";
import type { ForeignDialect } from "../../peers/dialect.ts";
import type { Peer } from "../../peers/peer.ts";
import { settlesWithin } from "../../process/settling.ts";
import type { PushedCommands } from "../../peers/pushed-commands.ts";
import type { GuestEndpoints } from "./guest-endpoints.ts";
import { waitForSession } from "./session-peer.ts";
import type { SessionPeerOptions } from "./session-peer.ts";

/** A guest, and the ways in which it can be called. */
export type PeerChoice = SessionPeerOptions & {
  endpoints: Pick<GuestEndpoints, "calling" | "foreignCalling" | "saved">;
  links: { foreignPeer: (dialect: ForeignDialect) => Peer };
  /** The commands that this host keeps for the guest. */
  pushed: PushedCommands | undefined;
  /** Makes the finders look again. Resolves when they have looked, or need not. */
  lookAgain: () => Promise<void>;
  /** The error for a guest without a port for its session. `hasCommands`: this host keeps commands for it. */
  explainPort: (hasCommands: boolean) => NegotiatorError;
};

/** For which calls the peer is: commands, or questions about the guest itself. */
export type PeerPurpose = "commands" | "facts";

/** `isPatient`: the caller waits for a guest that starts only now. Without it, such a guest is refused. */
export type PeerWish = { purpose?: PeerPurpose | undefined; isPatient?: boolean | undefined };

/** An agent that was just started answers within this time. */
const PREFERRED_MS = 2000;

/**
 * Resolves with the guest's session. Resolves with a peer in a foreign dialect if the session's agent does
 * not answer within two seconds, or if there is no port for it. Rejects as `waitForSession` does.
 */
export async function choosePeer(
  choice: PeerChoice,
  timeoutMs: number,
  signal?: AbortSignal,
  { purpose = "commands", isPatient }: PeerWish = {},
): Promise<Peer> {
  const { endpoints, links, explain, explainPort } = choice;
  if (endpoints.saved !== undefined) throw explain();
  const other = await findOther(choice, purpose);
  if (endpoints.calling === undefined) {
    const found = other ?? (await lookForOther(choice, timeoutMs, purpose));
    if (found === undefined) throw explainPort(await hasCommands(choice));
    return links.foreignPeer(found);
  }
  if (other === undefined) return waitForSession(choice, timeoutMs, signal, isPatient);
  const preferredMs = timeoutMs > 0 ? Math.min(timeoutMs, PREFERRED_MS) : PREFERRED_MS;
  try {
    return await waitForSession(choice, preferredMs, signal);
  } catch (thrown) {
    if (NegotiatorError.from(thrown).code !== "NO_CHANNEL" || signal?.aborted === true) throw thrown;
    return links.foreignPeer(other);
  }
}

/**
 * Returns a foreign dialect that has an agent. One that runs only commands of this host is of no use without
 * commands.
 */
async function findOther(
  { endpoints, pushed }: PeerChoice,
  purpose: PeerPurpose,
): Promise<ForeignDialect | undefined> {
  for (const { dialect, endpoint } of endpoints.foreignCalling) {
    if (endpoint.connected === false) continue;
    const needsNone = purpose === "facts" || dialect.takesPushed !== true;
    if (needsNone || (await hasCommands({ pushed }))) return dialect;
  }
  return undefined;
}

async function hasCommands({ pushed }: Pick<PeerChoice, "pushed">): Promise<boolean> {
  return ((await pushed?.list()) ?? []).length > 0;
}

/** An agent may have begun since the finders have looked. */
async function lookForOther(
  choice: PeerChoice,
  timeoutMs: number,
  purpose: PeerPurpose,
): Promise<ForeignDialect | undefined> {
  const { foreignCalling } = choice.endpoints;
  if (!foreignCalling.some(({ endpoint }) => endpoint.connected === false)) return undefined;
  await settlesWithin(choice.lookAgain(), timeoutMs > 0 ? Math.min(timeoutMs, LOOK_MS) : LOOK_MS);
  return findOther(choice, purpose);
}

/** libvirt may be slow. */
const LOOK_MS = 5000;
