/** Delays of timers, and deadlines. */

/** Returns the delay in milliseconds, at most 2^31-1. A timer with a longer one fires at once. */
export function clampDelay(ms: number): number {
  return Math.min(ms, 0x7fff_ffff);
}

/**
 * The time after a deadline in which each process of a call still waits: for the command's end and its
 * output, or for the answer of the next process. Each waits less than its own caller, so that the
 * best-informed answer comes first. `last` is for a caller whose own output is blocked. All of them end
 * within a second.
 */
export const LATE_MS = { runner: 220, relay: 320, caller: 600, last: 660 } as const;

/** Resolves in the next turn of the event loop, so that timers, sockets and children are served before. */
export function nextTurn(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setImmediate(resolve);
  return promise;
}
