/** Counts the running calls of one peer over all its links, because these share one limit. */
import type { Limits } from "../../limits.ts";
import type { MemoryShare } from "../../wire/memory.ts";
import { createServedCalls } from "../../wire/calls/served-calls.ts";
import type { ServedCalls } from "../../wire/calls/served-calls.ts";

/** The calls of one peer. */
export type SharedCallCount = {
  /** The calls of one more link. Their `runningCount` and `runningBytes` are sums over all links. */
  open(): ServedCalls;
};

/** The calls of a peer without links. `memory` is the peer's share of the memory of all. */
export function createSharedCallCount(limits: Limits, memory?: MemoryShare): SharedCallCount {
  let runningCount = 0;
  let runningBytes = 0;
  return {
    open() {
      const own = createServedCalls(limits, memory);
      return {
        ...own,
        get runningCount() {
          return runningCount;
        },
        get runningBytes() {
          return runningBytes;
        },
        start(id, call) {
          const before = own.runningBytes;
          own.start(id, call);
          runningCount++;
          runningBytes += own.runningBytes - before;
        },
        finish(id, answer) {
          const before = own.runningBytes;
          own.finish(id, answer);
          runningCount--;
          runningBytes += own.runningBytes - before;
        },
      };
    },
  };
}
