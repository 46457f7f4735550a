/** Calls that are made one after the other. Whoever gives up in the queue takes everything of its call out of it. */
import { untilAborted } from "../../abort.ts";

export type CallQueue = {
  /** Calls that wait or are under way, but for those that were given up. */
  readonly length: number;
  /**
   * What `make` gives, which begins when all before it is over. Rejects with the reason of `signal` as soon as that
   * aborts: in the queue `make` is dropped and never called; under way, those behind still wait for its end.
   */
  run<T>(make: () => Promise<T>, signal: AbortSignal): Promise<T>;
};

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
    run<T>(make: () => Promise<T>, signal: AbortSignal) {
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      const turn = (): Promise<void> => make().then(resolve, reject);
      const leave = (): void => void waiting.delete(turn);
      waiting.add(turn);
      signal.addEventListener("abort", leave, { once: true });
      if (signal.aborted) leave();
      length++;
      void work();
      return untilAborted(promise, signal).finally(() => {
        signal.removeEventListener("abort", leave);
        length--;
      });
    },
  };
}
