/** Waits for a guest's session for a new call, no longer than the host's knowledge makes useful. */
import { startCall } from "../../peers/call-time.ts";
import type { NegotiatorError } from "../../errors.ts";
import type { Peer } from "../../peers/peer.ts";
import type { PeerLink } from "../../peers/peer-link.ts";
import type { Hindrance } from "./hindrance.ts";
import type { Reach } from "./reach.ts";

/** A guest's session, and the host's knowledge of the guest. */
export type SessionPeerOptions = {
  session: Pick<PeerLink, "hurry" | "peer"> & { session: Pick<PeerLink["session"], "state"> };
  reach: Pick<Reach, "dialNow">;
  hindrance: Pick<Hindrance, "admit">;
  /** The error for a guest that does not answer. */
  explain: () => NegotiatorError;
};

/**
 * Resolves to the peer as `PeerLink.peer` does. Rejects at once if the guest will not answer. With
 * `isPatient` it waits for all of `timeoutMs`, also for a guest that starts only now.
 */
export async function waitForSession(
  { session, reach, hindrance, explain }: SessionPeerOptions,
  timeoutMs: number,
  signal?: AbortSignal,
  isPatient = false,
): Promise<Peer> {
  const { left } = startCall({ timeoutMs, connectTimeoutMs: 0 });
  const { state } = session.session;
  if (state !== "open" && state !== "foreign") {
    session.hurry();
    if (!(await reach.dialNow()) && !isPatient) throw explain();
  }
  if (!(await hindrance.admit(left(), signal, isPatient))) throw explain();
  return session.peer(left(), signal);
}
