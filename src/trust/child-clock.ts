/** Times a child of this program that answers a question: its start, and then its answer. */
import { clampDelay } from "../delay.ts";

/**
 * How long the start of a child may take, in milliseconds. On a busy machine, as when many guests boot at
 * once, a program that takes 60 ms of processor time has taken six seconds. A start waits for no user and no
 * file system.
 */
export const CHILD_START_MS = 20_000;

/** The first byte that a child prints, to show that it has started. JSON allows it before a value. */
export const STARTED_MARK = "\n";

/** The clock of one child. */
export type ChildClock = {
  /** The child has printed something. Only the first call counts. */
  begun: () => void;
  stop: () => void;
};

/** Calls `onLate` `CHILD_START_MS` from now, or `answerMs` after the child has begun. */
export function startChildClock(answerMs: number, onLate: () => void): ChildClock {
  let timer = setTimeout(onLate, CHILD_START_MS);
  let hasBegun = false;
  return {
    begun() {
      if (hasBegun) return;
      hasBegun = true;
      clearTimeout(timer);
      timer = setTimeout(onLate, clampDelay(answerMs));
    },
    stop() {
      hasBegun = true;
      clearTimeout(timer);
    },
  };
}
