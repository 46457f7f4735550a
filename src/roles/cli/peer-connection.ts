/**
 * The ways from a command line to a peer: through this machine's daemon, or over a channel that it opens
 * itself.
 */
import type { TimeLeft } from "../../delay.ts";
import { NegotiatorError } from "../../errors.ts";
import { DEFAULT_LIMITS } from "../../limits.ts";
import type { PortUse } from "../../peers/dialect-table.ts";
import type { ForeignDialect, PeerLine, Role } from "../../peers/dialect.ts";
import { createNativePeer } from "../../peers/native.ts";
import { createPeerLink } from "../../peers/peer-link.ts";
import type { Peer } from "../../peers/peer.ts";
import type { Channel } from "../../wire/channel.ts";
import type { Session } from "../../wire/session/session.ts";
import { describeAgent, makeId } from "../identity.ts";
import { endWithChannel, REFUSE } from "./cli-session.ts";
import type { CliSession } from "./cli-session.ts";

/** A peer, for as long as one command line needs it. */
export type PeerConnection = AsyncDisposable & { peer: Peer };

/** Connects within the time that is left for the whole call. */
export type Connect = (left: TimeLeft) => Promise<PeerConnection>;

/** The peer behind this machine's daemon. `extra` goes into the parameters of every call. */
export function connectThroughDaemon(
  daemon: CliSession,
  explainNoAnswer: () => NegotiatorError,
  extra: Readonly<Record<string, string>> = {},
): PeerConnection {
  const peer = createNativePeer(daemon.session, { extra, keepsLines: true, explainNoAnswer });
  return { peer, [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose]() };
}

/** How to connect without a daemon. */
export type DirectOptions = {
  role: Role;
  port: Pick<PortUse, "dialler" | "isNative" | "foreign">;
  /** Opens the channel; again for each call in a foreign dialect. */
  open: (signal: AbortSignal) => Promise<Channel>;
  /** How long the peer may take to show which dialect it speaks. */
  left: TimeLeft;
  explainNoAnswer: (session?: Session) => NegotiatorError;
};

/** The peer at the other end of a port, whatever dialect it speaks. */
export async function connectDirectly(options: DirectOptions): Promise<PeerConnection> {
  const [only] = options.port.foreign;
  return options.port.isNative || only === undefined ? connectShared(options) : connectForeign(only, options);
}

async function connectShared({
  role,
  port,
  open,
  left,
  explainNoAnswer,
}: DirectOptions): Promise<PeerConnection> {
  const life = new AbortController();
  const link = createPeerLink({
    role,
    side: port.dialler === role ? "dialler" : "listener",
    agent: describeAgent(role),
    makeId,
    limits: DEFAULT_LIMITS,
    serve: REFUSE,
    foreign: port.foreign,
    dial: open,
    isRedialled: false,
    explainNoAnswer: () => explainNoAnswer(link.session),
  });
  const channel = await open(life.signal);
  // A foreign peer's calls dial anew: the link then stays as it is until it is closed.
  const over = endWithChannel(link.session, channel, () => link.run(channel, life.signal));
  const close = async (): Promise<void> => {
    link.close("done");
    life.abort();
    await over;
  };
  try {
    return { peer: await link.peer(left()), [Symbol.asyncDispose]: close };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

/** On a port that carries nothing else there is nothing to find out. */
function connectForeign(dialect: ForeignDialect, { role, open }: DirectOptions): PeerConnection {
  const line: PeerLine = {
    agent: describeAgent(role),
    makeId,
    dial: open,
    isUpgraded: () => false,
    upgradedPeer: () => Promise.reject(new NegotiatorError("CLOSED", "A native agent answered")),
    life: new AbortController().signal,
  };
  return { peer: dialect.createPeer(line), [Symbol.asyncDispose]: () => Promise.resolve() };
}
