/** Ends a command line at its deadline, whatever the call or its output waits for. */
import { clampDelay, LATE_MS } from "../../delay.ts";
import { NegotiatorError } from "../../errors.ts";

/** `passed` resolves when it is time to leave. Disposing stops the clock. */
export type OwnClock = Disposable & { passed: Promise<void> };

/**
 * Starts the clock: `leftMs` until the deadline, 0 for none. A better-informed error of the call itself comes
 * a moment earlier.
 */
export function startOwnClock(leftMs: number): OwnClock {
  const { promise: passed, resolve } = Promise.withResolvers<void>();
  const timer = leftMs > 0 ? setTimeout(resolve, clampDelay(leftMs + LATE_MS.last)) : undefined;
  return { passed, [Symbol.dispose]: () => clearTimeout(timer) };
}

/** Returns the error. `blocked` are the names of our streams whose readers take no more. */
export function deadlinePassed(timeoutMs: number, blocked: readonly string[]): NegotiatorError {
  const passed = `The deadline of ${timeoutMs / 1000} s has passed`;
  if (blocked.length === 0)
    return new NegotiatorError("TIMEOUT", `${passed}, and the other side does not say how the call ended`);
  const readers =
    blocked.length === 1
      ? `the reader of our ${blocked[0]} takes`
      : `the readers of our ${blocked.join(" and ")} take`;
  return new NegotiatorError("TIMEOUT", `${passed}, and ${readers} no more output`, {
    remedy: "The rest of the output is lost: read it, or send it to a file",
  });
}
