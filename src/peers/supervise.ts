/** Repeats an attempt after each end, with growing random pauses. */
import { setTimeout as delay } from "node:timers/promises";
import { NegotiatorError } from "../errors.ts";

/**
 * How an attempt ended. `good`: the next pause is short. `soon`: it failed and is cheap to repeat, so the
 * pauses grow to 750 ms. `rarely`: the next one will probably fail too, so they grow to 15 s.
 */
export type AttemptResult = "good" | "soon" | "rarely";

/** Options of `supervise`. */
export type SuperviseOptions = {
  /** Resolves when the attempt ends. A rejection counts as `soon`. */
  attempt: (signal: AbortSignal) => Promise<AttemptResult>;
  /** Takes the error of each attempt that rejects. */
  onFailure: (error: NegotiatorError) => void;
  signal: AbortSignal;
  /** Called at each pause with a function that ends it early. The next pause is then short again. */
  onPause?: (end: () => void) => void;
  /** Waits between two attempts, for these milliseconds; `pause` by default. */
  wait?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Returns a number from 0 to 1; `Math.random` by default. */
  random?: () => number;
};

/** An attempt that lasted longer than this went well. */
const GOOD_MS = 5000;

/** True if an attempt that began at `startMs`, by `performance.now`, has lasted more than 5 s. */
export function wentWell(startMs: number): boolean {
  return performance.now() - startMs > GOOD_MS;
}

/** The middles of the random pauses. With them, the first attempt after a good one comes within 100 ms. */
const FIRST_PAUSE_MS = 50;
/** Slow growth: the pause in which a short outage ends is then shorter than the outage. */
const GROWTH = 1.5;
/** A channel that has healed carries a call within two seconds, also on a loaded machine. */
const LONGEST_PAUSE_MS = { good: FIRST_PAUSE_MS, soon: 750, rarely: 15_000 };

/** Repeats `attempt` until `signal` aborts, then resolves. Never rejects. */
export async function supervise(options: SuperviseOptions): Promise<void> {
  const { attempt, onFailure, signal, onPause, wait = pause, random = Math.random } = options;
  const tryOnce = async (): Promise<AttemptResult> => {
    try {
      return await attempt(signal);
    } catch (thrown) {
      if (!signal.aborted) onFailure(NegotiatorError.from(thrown));
      return "soon";
    }
  };
  let pauseMs = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    const longestMs = LONGEST_PAUSE_MS[await tryOnce()];
    pauseMs = Math.min(pauseMs, longestMs);
    const early = new AbortController();
    onPause?.(() => early.abort());
    // Many guests can lose the same host at once, and a random pause spreads their next attempts.
    await wait(pauseMs * (0.5 + random()), AbortSignal.any([signal, early.signal]));
    pauseMs = early.signal.aborted ? FIRST_PAUSE_MS : pauseMs * GROWTH;
  }
}

/** Resolves after `ms` milliseconds, or when `signal` aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
