/** Counts the calls that one peer has running here over all its links: together they share one limit. */
import type { Limits } from "../../limits.ts";
import { createServedCalls } from "../../wire/calls/served-calls.ts";
import type { ServedCalls } from "../../wire/calls/served-calls.ts";

/** The count of one peer. */
export type SharedCallCount = {
  /** The calls of one more link, which end with that link; their `runningCount` is that of all links together. */
  open(): ServedCalls;
};

/** A peer without links. */
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
