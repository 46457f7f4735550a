/** The deadline of a call to a python-negotiator, which is kept on this side: the old agent cannot be told. */
import { clampDelay } from "../../delay.ts";
import { NegotiatorError } from "../../errors.ts";

export type LegacyDeadline = Disposable & {
  /** Aborts with `TIMEOUT`, or with the reason of `abort` or of `life`. */
  signal: AbortSignal;
  /** The agent may hear of the call from now on. */
  start: () => void;
  abort: (reason: NegotiatorError) => void;
  /** Somebody else keeps it from now on: the milliseconds that are left, 0 for no deadline. */
  handOver: () => number;
};

/** `timeoutMs` 0 is no deadline. `life` ends the call whatever its deadline is. */
export function createLegacyDeadline(timeoutMs: number, life: AbortSignal): LegacyDeadline {
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
