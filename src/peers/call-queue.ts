/** Makes calls one after the other. A call that is aborted while it waits is never made. */
import { onAbort, untilAborted } from "../abort.ts";

/** Calls in the order of their arrival. */
export type CallQueue = {
  /** Calls that wait or are under way, without those that were aborted. */
  readonly length: number;
  /**
   * Resolves as `make` does, which is called when all calls before it have ended. Rejects with the reason of
   * `signal` as soon as that aborts; a call that is under way then still holds up those after it until it
   * ends.
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
