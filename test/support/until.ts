/** Owns waiting for what nobody announces: looks again and again, with an end. */
import { setTimeout as delay } from "node:timers/promises";

const STEP_MS = 10;

/** What `look` gives as soon as it is neither undefined nor false. Throws with `what` after `timeoutMs`. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  timeoutMs = 40_000,
): Promise<Exclude<T, undefined | false>> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (isSeen(seen)) return seen;
    if (performance.now() > endMs) throw new Error(`Waited ${timeoutMs} ms in vain until ${what}`);
    await delay(STEP_MS);
  }
}

function isSeen<T>(seen: T): seen is Exclude<T, undefined | false> {
  return seen !== undefined && seen !== false;
}
