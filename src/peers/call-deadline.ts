/** The deadline of a call that is kept on this side, because the peer's dialect cannot carry one. */
import { clampDelay } from "../delay.ts";
import { NegotiatorError } from "../errors.ts";

/** A deadline that runs until it is disposed of. */
export type CallDeadline = Disposable & {
  /** Aborts with `TIMEOUT`, or with the reason given to `abort`, or with that of `life`. */
  signal: AbortSignal;
  /** From now on the peer may have received the request. */
  start: () => void;
  abort: (reason: NegotiatorError) => void;
  /**
   * Stops the deadline and returns the milliseconds that are left, for someone else to keep; 0 for no
   * deadline.
   */
  handOver: () => number;
};

/** `timeoutMs` 0 is no deadline. `life` aborts the call whatever its deadline is. */
export function createCallDeadline(timeoutMs: number, life: AbortSignal): CallDeadline {
  const controller = new AbortController();
  const endMs = performance.now() + timeoutMs;
  let isStarted = false;
  const expire = (): void => {
    const state = isStarted
      ? "the old agent was asked, and may go on with what it has begun"
      : "the call still waited for its input or its turn, and was not made";
    controller.abort(new NegotiatorError("TIMEOUT", `The deadline has passed: ${state}`));
  };
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
