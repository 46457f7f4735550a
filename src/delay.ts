/** What a timer can be asked for. */

/** A timer with a longer delay than a signed 32-bit number of milliseconds would fire at once. */
export function clampDelay(ms: number): number {
  return Math.min(ms, 0x7fff_ffff);
}
