/** Counts the running calls of one peer over all its links, because these share one limit. */
import type { Limits } from "../../limits.ts";
import { createServedCalls } from "../../wire/calls/served-calls.ts";
import type { ServedCalls } from "../../wire/calls/served-calls.ts";

/** The calls of one peer. */
export type SharedCallCount = {
  /** The calls of one more link. Their `runningCount` is the sum over all links. */
  open(): ServedCalls;
};

/** The calls of a peer without links. */
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
        start(id, call) {
          runningCount++;
          own.start(id, call);
        },
        finish(id, answer) {
          runningCount--;
          own.finish(id, answer);
        },
      };
    },
  };
}
