/** Acts on a peer that sends nothing: pings it, then cuts or ends the session. */
import { NegotiatorError } from "../../errors.ts";
import type { ControlQueue } from "./control-queue.ts";
import type { Conversation } from "./conversation.ts";
import type { Limits } from "../../limits.ts";
import { createLiveness } from "./liveness.ts";
import type { Status } from "./status.ts";

/** The timeout of a session's peer. */
export type PeerTimeout = {
  readonly isResponsive: boolean;
  /** When something last came in an open session, in milliseconds; 0 when nothing ever did. */
  readonly heardMs: number;
  /** Bytes came. In an open session the timeout starts again. */
  receive(nowMs: number): void;
  /** A session is open: the timeout starts again. */
  restart(): void;
  /** How long the last measured ping and its pong took; undefined before that, and in a new session. */
  readonly roundTripMs: number | undefined;
  /** Sends a ping if the session is open. With the present time, also measures the round trip. */
  ping(nowMs?: number): void;
  /** A pong came with the last bytes. */
  pong(): void;
  /** Called about once a second. */
  tick(nowMs: number): void;
};

type PeerTimeoutOptions = {
  side: "dialler" | "listener";
  /** Whether the channel is a port. A listener on a socket sees the end of its peer, and never times out. */
  isOnPort: boolean;
  limits: Limits;
  controlQueue: ControlQueue;
  status: Status;
  conversation: Conversation;
};

/** Creates the timeout of one side. */
export function createPeerTimeout(options: PeerTimeoutOptions): PeerTimeout {
  const { side, isOnPort, limits, controlQueue, status, conversation } = options;
  const liveness = createLiveness(limits);
  let clockMs = 0;
  /** When the ping went out whose pong ends the measurement. */
  let pingedMs: number | undefined;
  let roundTripMs: number | undefined;

  const ping = (nowMs?: number): void => {
    if (status.state !== "open") return;
    controlQueue.push({ kind: "ping" });
    pingedMs ??= nowMs;
  };

  return {
    get isResponsive() {
      return liveness.isResponsive;
    },
    get heardMs() {
      return liveness.heardMs;
    },
    get roundTripMs() {
      return roundTripMs;
    },
    receive(nowMs) {
      clockMs = nowMs;
      if (status.state === "open") liveness.restart(nowMs);
    },
    restart() {
      liveness.restart(clockMs);
      pingedMs = roundTripMs = undefined;
    },
    ping,
    pong() {
      if (pingedMs !== undefined) roundTripMs = clockMs - pingedMs;
      pingedMs = undefined;
    },
    tick(nowMs) {
      clockMs = nowMs;
      // A listener whose session was cut waits for a hello that may never come, so its session can time out
      // too.
      const isWaiting = status.state === "cut" && side === "listener";
      if (status.state !== "open" && !isWaiting) return;
      const step = liveness.tick(nowMs);
      if (step === "ping") ping(nowMs);
      if (step === "timedOut" && side === "listener" && isOnPort) conversation.endWithPeer(silent());
      if ((step === "unresponsive" || step === "timedOut") && side === "dialler") status.cut(silent());
    },
  };
}

function silent(): NegotiatorError {
  return new NegotiatorError("CLOSED", "The peer has sent nothing for too long");
}
