/** Connects a command line to a peer: through this machine's daemon, or over its own channel. */
import type { CallTime } from "../../peers/call-time.ts";
import { LATE_MS } from "../../delay.ts";
import { NegotiatorError } from "../../errors.ts";
import { DEFAULT_LIMITS } from "../../limits.ts";
import type { Limits } from "../../limits.ts";
import type { PortUse } from "../../peers/dialect-table.ts";
import type { ForeignDialect, PeerLine, Role } from "../../peers/dialect.ts";
import { createNativePeer } from "../../peers/native.ts";
import { createPeerLink } from "../../peers/peer-link.ts";
import type { Peer } from "../../peers/peer.ts";
import type { PushedCommands } from "../../peers/pushed-commands.ts";
import type { Channel } from "../../wire/channel.ts";
import type { Session } from "../../wire/session/session.ts";
import { describeAgent, makeId } from "../identity.ts";
import { endWithChannel, REFUSE } from "./cli-session.ts";
import type { CliSession } from "./cli-session.ts";

/** A peer for one command line. Disposing ends its calls and its channels. */
export type PeerConnection = AsyncDisposable & { peer: Peer };

/** The command that a connection is for. */
export type CommandCall = { command: string; args: readonly string[] };

/**
 * The time for reaching the peer; `signal` aborts when it is over. Without a daemon, `call` is written down.
 */
export type ConnectOptions = { time: CallTime; signal: AbortSignal; call?: CommandCall | undefined };

/** Connects within the time for reaching the peer. */
export type Connect = (options: Omit<ConnectOptions, "call">) => Promise<PeerConnection>;

/** The peer to which this machine's daemon is connected. Every call gets the parameters of `extra` too. */
export function connectThroughDaemon(
  daemon: CliSession,
  explainNoAnswer: () => NegotiatorError,
  extra: Readonly<Record<string, string | number | boolean>> = {},
): PeerConnection {
  const peer = createNativePeer(daemon.session, {
    extra,
    keepsLines: true,
    lateMs: LATE_MS.caller,
    explainNoAnswer,
  });
  return { peer, [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose]() };
}

/** Options of a connection without a daemon. */
export type DirectOptions = {
  role: Role;
  /** Limits that the settings name. The others have their defaults. */
  limits: Partial<Limits>;
  port: Pick<PortUse, "dialler" | "isNative" | "foreign">;
  /** Opens a channel. Called once, and again for each call in a foreign dialect. */
  open: (signal: AbortSignal) => Promise<Channel>;
  /** The time in which the peer must show its dialect. */
  time: CallTime;
  /** The commands that this side keeps for the peer, if it keeps some. */
  pushed?: PushedCommands;
  /** The error for a peer that does not answer. */
  explainNoAnswer: (session?: Session) => NegotiatorError;
};

/** The peer at the other end of a port, in any dialect. Rejects as `PeerLink.peer` does. */
export async function connectDirectly(options: DirectOptions): Promise<PeerConnection> {
  const [only] = options.port.foreign;
  return options.port.isNative || only === undefined ? connectShared(options) : connectForeign(only, options);
}

async function connectShared({
  role,
  limits,
  port,
  open,
  time,
  explainNoAnswer,
}: DirectOptions): Promise<PeerConnection> {
  const life = new AbortController();
  const link = createPeerLink({
    role,
    side: port.dialler === role ? "dialler" : "listener",
    agent: describeAgent(role),
    makeId,
    limits: { ...DEFAULT_LIMITS, ...limits },
    serve: REFUSE,
    foreign: port.foreign,
    dial: open,
    isRedialled: false,
    explainNoAnswer: () => explainNoAnswer(link.session),
  });
  const channel = await open(life.signal);
  // Each call to a foreign peer opens another channel, so the link only waits for `close`.
  const over = endWithChannel(link.session, channel, () => link.run(channel, life.signal));
  const close = async (): Promise<void> => {
    link.close("done");
    life.abort();
    await over;
  };
  try {
    return { peer: await link.peer(time.leftToConnect()), [Symbol.asyncDispose]: close };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

/** A port that carries one dialect needs no detection. */
function connectForeign(dialect: ForeignDialect, options: DirectOptions): PeerConnection {
  const { role, limits, open, pushed } = options;
  const life = new AbortController();
  const line: PeerLine = {
    agent: describeAgent(role),
    makeId,
    limits: { ...DEFAULT_LIMITS, ...limits },
    dial: open,
    isUpgraded: () => false,
    upgradedPeer: () => Promise.reject(new NegotiatorError("CLOSED", "A native agent answered")),
    life: life.signal,
    ...(pushed === undefined ? {} : { pushed }),
  };
  return {
    peer: dialect.createPeer(line),
    async [Symbol.asyncDispose]() {
      life.abort(new NegotiatorError("CLOSED", "The command line has ended"));
    },
  };
}
