/**
 * Counts the calls that one peer has running here over all its links: each link keeps its own calls, which end with it,
 * but together they may be no more than one link's.
 */
import type { Limits } from "../../limits.ts";
import { createServedCalls } from "../../wire/calls/served-calls.ts";
import type { ServedCalls } from "../../wire/calls/served-calls.ts";

export type SharedCallCount = {
  /** The calls of one more link; their `runningCount` is that of all links together. */
  open(): ServedCalls;
};

export function createSharedCallCount(limits: Limits): SharedCallCount {
  let runningCount = 0;
  return {
    open() {
      const own = createServedCalls(limits);
      return {
        ...own,
        get runningCount() {
          return runningCount;
        },
        start(id, call, fingerprint) {
          runningCount++;
          own.start(id, call, fingerprint);
        },
        finish(id, answer) {
          runningCount--;
          own.finish(id, answer);
        },
      };
    },
  };
}
