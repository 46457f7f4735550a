/** Delays and deadlines in milliseconds. */

/** Returns a delay that timers accept. One of more than 2^31 - 1 ms would fire at once (HTML, Node.js). */
export function clampDelay(ms: number): number {
  return Math.min(ms, 0x7fff_ffff);
}

/** Returns the milliseconds until a deadline, at least 1, or 0 if there is no deadline. */
export type TimeLeft = () => number;

/** Starts one deadline for all steps of a call, `timeoutMs` from now. 0 means no deadline. */
export function countDown(timeoutMs: number): TimeLeft {
  const endMs = performance.now() + timeoutMs;
  return () => (timeoutMs > 0 ? Math.max(1, Math.round(endMs - performance.now())) : 0);
}
