/** Delays and deadlines in milliseconds. */

/** Returns `ms`, at most 2^31 - 1: a timer with a longer delay would fire at once. */
export function clampDelay(ms: number): number {
  return Math.min(ms, 0x7fff_ffff);
}

/** Returns the milliseconds that are left: whole, at least 1, also after the end; 0 without a deadline. */
export type TimeLeft = () => number;

/** Starts one deadline for all steps of a call. `timeoutMs` 0 sets none. */
export function countDown(timeoutMs: number): TimeLeft {
  const endMs = performance.now() + timeoutMs;
  return () => (timeoutMs > 0 ? Math.max(1, Math.round(endMs - performance.now())) : 0);
}
