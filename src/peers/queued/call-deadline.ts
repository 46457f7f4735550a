/** The deadline of a call on this side, for a peer whose dialect has no deadlines. */
import { clampDelay } from "../../delay.ts";
import { NegotiatorError } from "../../errors.ts";

/** A running deadline. Disposing stops it. */
export type CallDeadline = Disposable & {
  /** Aborts with `TIMEOUT` at the deadline, with the reason of `abort`, or with that of `life`. */
  signal: AbortSignal;
  /** Records that the peer may receive the request from now on. */
  start: () => void;
  abort: (reason: NegotiatorError) => void;
  /** Hands the deadline over. Returns the remaining milliseconds, 0 for no deadline. */
  handOver: () => number;
};

/** Options of a deadline. */
export type CallDeadlineOptions = {
  /** Milliseconds from now; 0 for no deadline. */
  timeoutMs: number;
  /** Aborts the call before its deadline too. */
  life: AbortSignal;
  /** The dialect's name in messages. */
  label: string;
};

/** Starts a deadline. */
export function createCallDeadline({ timeoutMs, life, label }: CallDeadlineOptions): CallDeadline {
  const controller = new AbortController();
  const endMs = performance.now() + timeoutMs;
  let isStarted = false;
  const expire = (): void =>
    controller.abort(
      new NegotiatorError(
        "TIMEOUT",
        isStarted
          ? `The deadline has passed: the peer (${label}) may go on with the call`
          : "The deadline has passed. The call was not sent: it waited for its input or for earlier calls",
      ),
    );
  const timer = timeoutMs > 0 ? setTimeout(expire, clampDelay(timeoutMs)) : undefined;
  return {
    signal: AbortSignal.any([controller.signal, life]),
    start() {
      isStarted = true;
    },
    abort: (reason) => controller.abort(reason),
    handOver() {
      clearTimeout(timer);
      return timeoutMs > 0 ? Math.max(1, endMs - performance.now()) : 0;
    },
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}
