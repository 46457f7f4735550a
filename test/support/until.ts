/** Owns waiting for a condition by polling, with a timeout. */
import { setTimeout as delay } from "node:timers/promises";

const STEP_MS = 10;

/**
 * Calls `look` until it returns neither undefined nor false, and returns that. Throws with `what` after
 * `timeoutMs`, but only after one more look: the condition may have become true while this process stalled.
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
    if (isLast) throw new Error(`Waited ${timeoutMs} ms until ${typeof what === "string" ? what : what()}`);
    await delay(STEP_MS);
  }
}

function isSeen<T>(seen: T): seen is Exclude<T, undefined | false> {
  return seen !== undefined && seen !== false;
}
