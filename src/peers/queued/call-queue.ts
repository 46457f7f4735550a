/** Makes calls one after the other. A call that is aborted while it waits is not made. */
import { onAbort, untilAborted } from "../../abort.ts";

/** A queue of calls, first come, first served. */
export type CallQueue = {
  /** The number of waiting and running calls. Aborted calls do not count. */
  readonly length: number;
  /**
   * Calls `make` when all calls before it have ended, and resolves or rejects as it does. Rejects with the
   * reason of `signal` as soon as that aborts. The next call still waits until an aborted running call ends.
   */
  run<T>(make: () => Promise<T>, signal: AbortSignal): Promise<T>;
};

/** An empty queue. */
export function createCallQueue(): CallQueue {
  const waiting = new Set<() => Promise<void>>();
  let isBusy = false;
  let length = 0;

  const work = async (): Promise<void> => {
    if (isBusy) return;
    isBusy = true;
    for (const turn of waiting) {
      waiting.delete(turn);
      await turn();
    }
    isBusy = false;
  };

  return {
    get length() {
      return length;
    },
    async run<T>(make: () => Promise<T>, signal: AbortSignal) {
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      const turn = (): Promise<void> => make().then(resolve, reject);
      waiting.add(turn);
      using _ = onAbort(signal, () => waiting.delete(turn));
      length++;
      void work();
      try {
        return await untilAborted(promise, signal);
      } finally {
        length--;
      }
    },
  };
}
