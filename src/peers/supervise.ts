/** Tries something again whenever it ends, with growing pauses that are never in step with others. */
import { setTimeout as delay } from "node:timers/promises";
import { NegotiatorError } from "../errors.ts";

/** What is tried, and until when. */
export type SuperviseOptions = {
  /** Resolves when it has ended: to true when it went well for a while, so that the next try comes soon. */
  attempt: (signal: AbortSignal) => Promise<boolean>;
  onFailure: (error: NegotiatorError) => void;
  signal: AbortSignal;
  /** Waits so many milliseconds between two tries; `pause` by default. */
  wait?: (ms: number, signal: AbortSignal) => Promise<void>;
};

/** A session that lasted longer than this went well. */
const GOOD_MS = 5000;

/** Whether something that began at `startMs`, by `performance.now`, has lasted long enough to have gone well. */
export function wentWell(startMs: number): boolean {
  return performance.now() - startMs > GOOD_MS;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 15_000;

/** Tries until `signal` aborts, then resolves; never rejects. */
export async function supervise({
  attempt,
  onFailure,
  signal,
  wait = pause,
}: SuperviseOptions): Promise<void> {
  let pauseMs = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    try {
      if (await attempt(signal)) pauseMs = FIRST_PAUSE_MS;
    } catch (thrown) {
      if (!signal.aborted) onFailure(NegotiatorError.from(thrown));
    }
    // Many guests that lost the same host must not come back at the same moment.
    await wait(pauseMs * (0.5 + Math.random()), signal);
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

/** Resolves after `ms` milliseconds, or when `signal` aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
