/** What a timer can be asked for. */

/** A timer with a longer delay than a signed 32-bit number of milliseconds would fire at once. */
export function clampDelay(ms: number): number {
  return Math.min(ms, 0x7fff_ffff);
}

/** What is left of a deadline now, in whole milliseconds: 1 at least, so that it stays one; always 0 when there is none. */
export type TimeLeft = () => number;

/** A deadline that begins now, for all the steps of one call together; `timeoutMs` 0 is none. */
export function countDown(timeoutMs: number): TimeLeft {
  const endMs = performance.now() + timeoutMs;
  return () => (timeoutMs > 0 ? Math.max(1, Math.round(endMs - performance.now())) : 0);
}
