/** The deadline of a call on this side, for a peer whose dialect has no deadlines. */
import { clampDelay } from "../../delay.ts";
import { NegotiatorError } from "../../errors.ts";

/** A running deadline. Disposing stops it. */
export type CallDeadline = Disposable & {
  /** Aborts with `TIMEOUT` at the deadline, with the reason of `abort`, or with that of `life`. */
  signal: AbortSignal;
  /** The peer is dialled now: it has the time of `connectTimeoutMs` to show that it is there. */
  connect: () => void;
  /** Records that the peer is there, and may receive the request from now on. */
  start: () => void;
  abort: (reason: NegotiatorError) => void;
  /** Hands the deadline over. Returns the remaining milliseconds, 0 for no deadline. */
  handOver: () => number;
};

/** Options of a deadline. */
export type CallDeadlineOptions = {
  /** Milliseconds from now; 0 for no deadline. */
  timeoutMs: number;
  /** Milliseconds for reaching the peer once it is dialled; 0 for no limit. */
  connectTimeoutMs?: number | undefined;
  /** Aborts the call before its deadline too. */
  life: AbortSignal;
  /** The dialect's name in messages. */
  label: string;
};

/** Starts a deadline. */
export function createCallDeadline({
  timeoutMs,
  connectTimeoutMs = 0,
  life,
  label,
}: CallDeadlineOptions): CallDeadline {
  const controller = new AbortController();
  const endMs = performance.now() + timeoutMs;
  let isStarted = false;
  let connecting: Timer | undefined;
  const expire = (): void => {
    // Agents of such dialects have no audit, where the end of the call could be looked up.
    const [message, remedy] = isStarted
      ? [
          `The deadline has passed: the peer (${label}) may go on with the call`,
          "Look there what runs: ps -ef",
        ]
      : [UNSENT, "Call again, with more time: --timeout SECONDS"];
    controller.abort(new NegotiatorError("TIMEOUT", message, { remedy }));
  };
  const timer = timeoutMs > 0 ? setTimeout(expire, clampDelay(timeoutMs)) : undefined;
  return {
    signal: AbortSignal.any([controller.signal, life]),
    connect() {
      clearTimeout(connecting);
      const giveUp = (): void => controller.abort(notReached(label, connectTimeoutMs));
      connecting = connectTimeoutMs > 0 ? setTimeout(giveUp, clampDelay(connectTimeoutMs)) : undefined;
    },
    start() {
      isStarted = true;
      clearTimeout(connecting);
    },
    abort: (reason) => controller.abort(reason),
    handOver() {
      clearTimeout(timer);
      clearTimeout(connecting);
      return timeoutMs > 0 ? Math.max(1, endMs - performance.now()) : 0;
    },
    [Symbol.dispose]() {
      clearTimeout(timer);
      clearTimeout(connecting);
    },
  };
}

const UNSENT = "The deadline has passed. The call was not sent: it waited for its input or for earlier calls";

function notReached(label: string, ms: number): NegotiatorError {
  const seconds = Math.round(ms / 100) / 10;
  const message = `The peer (${label}) does not answer within ${seconds} s: it was not called`;
  return new NegotiatorError("NO_CHANNEL", message, {
    remedy: "Check that its agent runs, and is not busy with another call",
  });
}
