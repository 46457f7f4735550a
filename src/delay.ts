/** Delays of timers, and deadlines. */

/** Returns the delay in milliseconds, at most 2^31-1. A timer with a longer one fires at once. */
export function clampDelay(ms: number): number {
  return Math.min(ms, 0x7fff_ffff);
}

/** Returns the milliseconds until a deadline: at least 1, even after it; 0 if there is no deadline. */
export type TimeLeft = () => number;

/** Starts a deadline for all steps of one call together. `timeoutMs` 0 means no deadline. */
export function countDown(timeoutMs: number): TimeLeft {
  const endMs = performance.now() + timeoutMs;
  return () => (timeoutMs > 0 ? Math.max(1, Math.round(endMs - performance.now())) : 0);
}

/**
 * The time after a deadline in which each process of a call still waits: for the command's end and its
 * output, or for the answer of the next process. Each waits less than its own caller, so that the
 * best-informed answer comes first. All of them end within a second.
 */
export const LATE_MS = { runner: 350, relay: 550, caller: 750 } as const;
