/** Repeats an attempt after each end, with growing random pauses. */
import { setTimeout as delay } from "node:timers/promises";
import { NegotiatorError } from "../errors.ts";

/** Options of `supervise`. */
export type SuperviseOptions = {
  /** Resolves when the attempt ends: to true if it went well, which makes the next pause short again. */
  attempt: (signal: AbortSignal) => Promise<boolean>;
  /** Takes the error of each attempt that rejects. */
  onFailure: (error: NegotiatorError) => void;
  signal: AbortSignal;
  /** Waits between two attempts, for these milliseconds; `pause` by default. */
  wait?: (ms: number, signal: AbortSignal) => Promise<void>;
};

/** An attempt that lasted longer than this went well. */
const GOOD_MS = 5000;

/** True if an attempt that began at `startMs`, by `performance.now`, has lasted more than 5 s. */
export function wentWell(startMs: number): boolean {
  return performance.now() - startMs > GOOD_MS;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 15_000;

/** Repeats `attempt` until `signal` aborts, then resolves. Never rejects. */
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
    // Many guests can lose the same host at once, and a random pause spreads their next attempts.
    await wait(pauseMs * (0.5 + Math.random()), signal);
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

/** Resolves after `ms` milliseconds, or when `signal` aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
