/**
 * One channel's other end, whatever it speaks. The only place that decides which dialect a link follows now,
 * and that switches between dialects while the program runs.
 */
import { setTimeout as delay } from "node:timers/promises";
import { NegotiatorError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import type { Serve } from "../methods/serve.ts";
import type { Channel } from "../wire/channel.ts";
import type { Session } from "../wire/session/session.ts";
import { createDialectDetection } from "./dialect-detection.ts";
import type { Dialect, ForeignDialect, ForeignPeer, PeerLine, Role } from "./dialect.ts";
import { createForeignServers } from "./foreign-servers.ts";
import { createLink } from "./link.ts";
import type { LinkEnd, LinkOptions } from "./link.ts";
import { createNativePeer, NATIVE } from "./native.ts";
import type { Peer } from "./peer.ts";
import { expectOtherRole } from "./wrong-side.ts";

/** What a peer link is made for. */
export type PeerLinkOptions = Pick<
  LinkOptions,
  "side" | "agent" | "makeId" | "served" | "firstHelloMs" | "onState"
> & {
  role: Role;
  limits: Limits;
  /** Where the peer's calls and notices go. */
  serve: Serve;
  /** The foreign dialects that the peer may speak instead of the native one. */
  foreign: readonly ForeignDialect[];
  /** Opens another channel to the same peer, for one call in a foreign dialect. */
  dial: PeerLine["dial"];
  /** Whether `run` is called again with a new channel after it has ended. */
  isRedialled: boolean;
  /** Why the peer does not answer. */
  explainNoAnswer: () => NegotiatorError;
};

/** A link to a peer of any dialect. */
export type PeerLink = {
  readonly session: Session;
  /** As far as it is known now. */
  readonly dialect: Dialect | undefined;
  /** Our calls under way, and the peer's that run here. */
  readonly calls: { outgoing: number; incoming: number };
  /**
   * As `Link.run`. When the peer speaks a foreign dialect, the channel is closed, so that others can use it,
   * and the promise resolves only when it is time to look for an upgrade: to dial again.
   */
  run(channel: Channel, signal: AbortSignal): Promise<LinkEnd>;
  /**
   * The peer, once its dialect is known. Rejects with what `explainNoAnswer` gives when that takes longer
   * than `timeoutMs` (0 is no limit), when `signal` aborts or after `release`; and with `BAD_REQUEST` when
   * the peer has our own role.
   */
  peer(timeoutMs: number, signal?: AbortSignal): Promise<Peer>;
  /** Ends all waiting for the peer. */
  release(): void;
  /** Ends the session and all calls. */
  close(reason: string): void;
};

/**
 * A foreign agent logs every hello, and its channel may be wanted by an old host program: so it is rarely
 * dialled again.
 */
const FOREIGN_RECHECK_MS = 5 * 60_000;
/** How often a recheck looks whether the calls under way have ended. */
const CALLS_STEP_MS = 500;

/** A link that knows nothing of its peer yet. */
export function createPeerLink(options: PeerLinkOptions): PeerLink {
  const { side, role, agent, makeId, limits, serve, foreign, explainNoAnswer } = options;
  const detection = createDialectDetection();
  const life = new AbortController();
  let refusedIn: ForeignDialect | undefined;
  let recheck = new AbortController();

  const link = createLink({
    ...pickSessionOptions(options),
    onCall: serve.call,
    onNotice: (method, params) => serve.notice({ method, params }),
    createForeign: (session) =>
      createForeignServers(session, {
        side,
        dialects: foreign,
        serve,
        makeId,
        limits,
        onRefused: (dialect) => (refusedIn = dialect),
      }),
    onState(state, reason) {
      detection.follow(state, refusedIn);
      if (state === "open") for (const peer of foreignPeers.values()) peer.handOver();
      options.onState?.(state, reason);
    },
  });
  const { session } = link;
  const native = createNativePeer(session, { explainNoAnswer });

  /** The native agent answered a call's probe; the session's next hello reaches it too. */
  const upgradedPeer = async (signal: AbortSignal): Promise<Peer> => {
    if (!options.isRedialled) throw upgraded();
    if (detection.dialect !== NATIVE) detection.recheck();
    recheck.abort();
    recheck = new AbortController();
    if ((await detection.wait(0, signal)) === NATIVE) return native;
    throw upgraded();
  };
  const line: PeerLine = {
    agent,
    makeId,
    dial: options.dial,
    upgradedPeer,
    life: life.signal,
    isUpgraded: () => detection.dialect === NATIVE,
  };
  const foreignPeers = new Map<Dialect, ForeignPeer>(
    foreign.map((dialect) => [dialect, dialect.createPeer(line)]),
  );
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
      const end = await link.run(channel, signal);
      if (end.state === "foreign") await leaveChannel(signal);
      return end;
    },
    async peer(timeoutMs, signal) {
      const dialect = await detection.wait(timeoutMs, signal);
      life.signal.throwIfAborted();
      if (dialect === undefined) throw explainNoAnswer();
      expectOtherRole(session, role);
      return foreignPeers.get(dialect) ?? native;
    },
    release: () => detection.release(),
    close(reason) {
      life.abort(new NegotiatorError("CLOSED", `The call was ended: ${reason}`));
      session.close(reason);
    },
  };
}

function pickSessionOptions(options: PeerLinkOptions): Omit<LinkOptions, "onCall"> {
  const { side, agent, makeId, limits, served, firstHelloMs } = options;
  return {
    side,
    agent,
    makeId,
    limits,
    ...(served === undefined ? {} : { served }),
    ...(firstHelloMs === undefined ? {} : { firstHelloMs }),
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}

function upgraded(): NegotiatorError {
  return new NegotiatorError("CLOSED", "The agent at the other end was upgraded during the call", {
    remedy: "Call again",
  });
}
