/** Keeps something going that may end at any time: tries again, less and less often, never in step with others. */
import { setTimeout as delay } from "node:timers/promises";
import { NegotiatorError } from "../errors.ts";

export type SuperviseOptions = {
  /** Does the thing until it ends; resolves true when it went well for a while, so that the next try comes soon. */
  attempt: (signal: AbortSignal) => Promise<boolean>;
  onFailure: (error: NegotiatorError) => void;
  signal: AbortSignal;
  /** Waits so many milliseconds between two tries, `pause` unless another is given. */
  wait?: (ms: number, signal: AbortSignal) => Promise<void>;
};

/** A conversation that lasted so long was a good one. */
const GOOD_MS = 5000;

/** Whether what began at `startMs`, on the clock of `performance.now`, lasted so long that it went well. */
export function wentWell(startMs: number): boolean {
  return performance.now() - startMs > GOOD_MS;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 15_000;

/** Resolves when `signal` is aborted; never rejects. */
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
    // A crowd of guests that lost the same host must not come back in one instant.
    await wait(pauseMs * (0.5 + Math.random()), signal);
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

/** Resolves after `ms` milliseconds, or when `signal` is aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
