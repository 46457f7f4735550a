/**
 * Spaces out long messages that nothing needed. The steps of a call have gaps between them, which such
 * messages of several peers would fill, each of them for tens of milliseconds.
 */
import { pause } from "./supervise.ts";
import { LONG_BYTES } from "./unneeded-cost.ts";
import type { BegunMessage } from "./unneeded-cost.ts";

/** Shorter work does not hold up a call. */
const LEAST_MS = 4;
/** How many times the duration of such work passes before the next long message. */
const GAP_SHARE = 2;
const LONGEST_GAP_MS = 100;
/** All pieces of a message together wait no longer: it may be one that is needed. */
const LONGEST_WAIT_MS = 1000;

/** The gaps between long messages. */
export type LongWork = {
  /** Resolves when the next piece of a message that has `begun` may be read, or at an abort. */
  waitForGap(begun: BegunMessage, signal: AbortSignal): Promise<void> | undefined;
  /** Counts work that was in vain and took so many milliseconds until now. */
  count(ms: number): void;
};

/** Creates gaps that have passed. Tests pass their own clock, in milliseconds. */
export function createLongWork(now: () => number = () => performance.now()): LongWork {
  let gapEndMs = Number.NEGATIVE_INFINITY;

  const mustWait = ({ bytes, waitedMs }: BegunMessage): boolean =>
    bytes >= LONG_BYTES && waitedMs < LONGEST_WAIT_MS && now() < gapEndMs;
  const wait = async (begun: BegunMessage, signal: AbortSignal): Promise<void> => {
    // Another peer may read its message at the end of the gap, and there is another gap then.
    while (mustWait(begun) && !signal.aborted) {
      const startMs = now();
      await pause(gapEndMs - startMs, signal);
      begun.waitedMs += now() - startMs;
    }
  };
  return {
    waitForGap: (begun, signal) => (mustWait(begun) ? wait(begun, signal) : undefined),
    count(ms) {
      if (ms >= LEAST_MS) gapEndMs = now() + Math.min(GAP_SHARE * ms, LONGEST_GAP_MS);
    },
  };
}

/** The gaps of this process. */
export const LONG_WORK = createLongWork();
