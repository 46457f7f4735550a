/**
 * A link to a peer of any dialect. Only this file decides which dialect a link follows, and switches between
 * dialects at run time.
 */
import { setTimeout as delay } from "node:timers/promises";
import { untilAborted } from "../abort.ts";
import { NegotiatorError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import type { Serve } from "../methods/serve.ts";
import type { Channel } from "../wire/channel.ts";
import type { Session } from "../wire/session/session.ts";
import { createDialectDetection } from "./dialect-detection.ts";
import type { Dialect, ForeignDialect, ForeignPeer, PeerLine, Role, ServerLine } from "./dialect.ts";
import { createForeignServers } from "./foreign-servers.ts";
import { createLink } from "./link.ts";
import type { FrozenLink, LinkEnd, LinkOptions } from "./link.ts";
import { createNativePeer, NATIVE } from "./native.ts";
import type { Peer } from "./peer.ts";
import type { AnswerMemory } from "./answer-memory.ts";
import { expectOtherRole } from "./wrong-side.ts";

/** Options of a link to a peer. */
export type PeerLinkOptions = Pick<
  LinkOptions,
  | "frozen"
  | "side"
  | "agent"
  | "makeId"
  | "served"
  | "firstHelloMs"
  | "onState"
  | "onRefused"
  | "offersRaw"
  | "share"
> & {
  role: Role;
  limits: Limits;
  /** Takes the peer's calls and notices. */
  serve: Serve;
  /** The memory of large answers to foreign callers; this link's own by default. */
  answerMemory?: AnswerMemory;
  /** The foreign dialects that the peer may speak. */
  foreign: readonly ForeignDialect[];
  /** Opens one more channel to the peer, for one call in a foreign dialect. */
  dial: PeerLine["dial"];
  /** True if the owner calls `run` again with a new channel after each end. */
  isRedialled: boolean;
  /** The error for a peer that does not answer. */
  explainNoAnswer: () => NegotiatorError;
};

/** A link to a peer of any dialect. */
export type PeerLink = {
  readonly session: Session;
  /** The peer's dialect; undefined while it is not known. */
  readonly dialect: Dialect | undefined;
  /** The number of our calls that wait or run, and of the peer's calls that run here. */
  readonly calls: { outgoing: number; incoming: number };
  /**
   * Runs the session as `Link.run` does. For a foreign peer it closes the channel at once, and resolves when
   * the owner should dial again to look for an upgrade.
   */
  run(channel: Channel, signal: AbortSignal): Promise<LinkEnd>;
  /**
   * The peer, once its dialect is known. Rejects with the error of `explainNoAnswer` when that takes longer
   * than `timeoutMs` (0 for no limit), when `signal` aborts and after `release`. Rejects with the reason,
   * such as `UNSUPPORTED`, if the peer refuses our hello, or we refuse its hello. Rejects with `BAD_REQUEST`
   * if the peer has our own role, and with `CLOSED` after `close`.
   */
  peer(timeoutMs: number, signal?: AbortSignal): Promise<Peer>;
  /** A call waits for the peer: see `Link.hurry`. */
  hurry(): void;
  /** Ends all waiting in `peer`. */
  release(): void;
  /** Ends the session and all calls. */
  close(reason: string): void;
  /** As `Link.freeze`. */
  freeze(): FrozenLink | undefined;
  /** As `Link.thaw`. */
  thaw(channel: Channel | undefined): void;
};

/**
 * A foreign agent logs every hello, and an old host program may want its channel, so we rarely dial again.
 */
const FOREIGN_RECHECK_MS = 5 * 60_000;
/** The pause between two looks whether the calls have ended, before a recheck. */
const CALLS_STEP_MS = 500;

/** Creates a link to a peer whose dialect is not known yet. */
export function createPeerLink(options: PeerLinkOptions): PeerLink {
  const { side, role, agent, makeId, limits, serve, foreign, explainNoAnswer } = options;
  const detection = createDialectDetection();
  const life = new AbortController();
  let refusedIn: ForeignDialect | undefined;
  let recheck = new AbortController();
  const foreignPeers = new Map<Dialect, ForeignPeer>();

  const link = createLink({
    ...pickSessionOptions(options),
    ...pickServing(serve),
    createForeign: (session) =>
      createForeignServers(session, {
        side,
        dialects: foreign,
        serve,
        makeId,
        limits,
        ...pickMemory(options),
        onRefused: (dialect) => (refusedIn = dialect),
      }),
    onRefused(reason) {
      detection.release();
      options.onRefused?.(reason);
    },
    onState(state, reason) {
      detection.follow(state, refusedIn);
      if (state === "open") for (const peer of foreignPeers.values()) peer.handOver();
      options.onState?.(state, reason);
    },
  });
  const { session } = link;
  const native = createNativePeer(session, { explainNoAnswer });
  // A native agent answered the probe of a call, so it will answer the session's next hello too.
  const upgradedPeer = async (signal: AbortSignal): Promise<Peer> => {
    if (!options.isRedialled) throw upgraded();
    if (detection.dialect !== NATIVE) detection.recheck();
    recheck.abort();
    recheck = new AbortController();
    if ((await detection.wait(0, signal)) === NATIVE) return native;
    throw upgraded();
  };
  /** Settles when the session has given its channel back. */
  let carried: Promise<unknown> = Promise.resolve();
  const line: PeerLine = {
    agent,
    makeId,
    limits,
    async dial(signal) {
      // Only one descriptor can have a guest's port, so the session's channel is closed first.
      await untilAborted(carried, signal);
      return options.dial(signal);
    },
    upgradedPeer,
    life: life.signal,
    isUpgraded: () => detection.dialect === NATIVE,
  };
  for (const dialect of foreign) foreignPeers.set(dialect, dialect.createPeer(line));
  const countCalls = (): number => foreignPeers.values().reduce((sum, { callCount }) => sum + callCount, 0);

  const leaveChannel = async (signal: AbortSignal): Promise<void> => {
    await pause(FOREIGN_RECHECK_MS, AbortSignal.any([signal, recheck.signal]));
    while (countCalls() > 0 && !signal.aborted) await pause(CALLS_STEP_MS, signal);
  };

  return {
    session,
    get dialect() {
      return detection.dialect;
    },
    get calls() {
      return { outgoing: session.outgoingCount + countCalls(), incoming: session.incomingCount };
    },
    async run(channel, signal) {
      const running = link.run(channel, signal);
      carried = running.catch(() => undefined);
      const end = await running;
      if (end.state === "foreign") await leaveChannel(signal);
      return end;
    },
    async peer(timeoutMs, signal) {
      const dialect =
        session.refusal === undefined ? await detection.wait(timeoutMs, signal) : detection.dialect;
      life.signal.throwIfAborted();
      if (dialect === undefined) throw session.refusal ?? explainNoAnswer();
      const peer = foreignPeers.get(dialect);
      if (peer !== undefined) return peer;
      expectOtherRole(session, role);
      return native;
    },
    hurry: () => link.hurry(),
    freeze: () => link.freeze(),
    thaw: (channel) => link.thaw(channel),
    release: () => detection.release(),
    close(reason) {
      life.abort(new NegotiatorError("CLOSED", `The call was ended: ${reason}`));
      session.close(reason);
    },
  };
}

function pickServing(serve: Serve): Pick<LinkOptions, "onCall" | "onCallRefused" | "onNotice"> {
  return {
    onCall: serve.call,
    onCallRefused: ({ id, method, params, caller }, error) =>
      serve.refused?.({ id, method, params, caller, error }),
    onNotice: (method, params) => serve.notice({ method, params }),
  };
}

function pickMemory({
  share,
  answerMemory,
}: PeerLinkOptions): Pick<ServerLine, "memory"> & Partial<Pick<ServerLine, "answerMemory">> {
  return { memory: share?.memory, ...(answerMemory === undefined ? {} : { answerMemory }) };
}

function pickSessionOptions(options: PeerLinkOptions): Omit<LinkOptions, "onCall"> {
  const { side, agent, makeId, limits, served, firstHelloMs, isRedialled, share } = options;
  const { offersRaw = true } = options;
  return {
    side,
    isRedialled,
    agent,
    makeId,
    limits,
    offersRaw,
    frozen: options.frozen,
    ...(served === undefined ? {} : { served }),
    ...(share === undefined ? {} : { share }),
    ...(firstHelloMs === undefined ? {} : { firstHelloMs }),
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}

function upgraded(): NegotiatorError {
  return new NegotiatorError("CLOSED", "The peer's agent was upgraded during the call", {
    remedy: "Call again",
  });
}
