/** Owns waiting for what nobody announces: looks again and again, with an end. */
import { setTimeout as delay } from "node:timers/promises";

const STEP_MS = 10;

/**
 * What `look` gives as soon as it is neither undefined nor false. Throws with `what`, as it is by then, after `timeoutMs`,
 * but never without a look after that time: a process that stood still meanwhile has not missed what came true.
 */
export async function until<T>(
  what: string | (() => string),
  look: () => T | Promise<T>,
  timeoutMs = 45_000,
): Promise<Exclude<T, undefined | false>> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    const isLast = performance.now() > endMs;
    const seen = await look();
    if (isSeen(seen)) return seen;
    if (isLast)
      throw new Error(`Waited ${timeoutMs} ms in vain until ${typeof what === "string" ? what : what()}`);
    await delay(STEP_MS);
  }
}

function isSeen<T>(seen: T): seen is Exclude<T, undefined | false> {
  return seen !== undefined && seen !== false;
}
