/** Counts the calls and notices that run in a daemon, so that it can wait for their ends. */
import type { Dispatcher } from "../../methods/dispatcher.ts";
import type { Serve } from "../../methods/serve.ts";

/** The running calls and notices of a daemon. */
export type RunningCalls = {
  readonly count: number;
  /** Returns what serves one caller, and counts what runs for it. */
  track: (dispatcher: Dispatcher) => Serve;
  /** Resolves when all that run now have ended. */
  ended: () => Promise<unknown>;
};

/** Creates the count. `onFirst` is called before the first call. */
export function createRunningCalls(onFirst: () => void): RunningCalls {
  const running = new Set<Promise<void>>();
  let wasCalled = false;
  const add = (promise: Promise<void>): void => {
    if (!wasCalled) onFirst();
    wasCalled = true;
    const ended = promise.finally(() => running.delete(ended));
    running.add(ended);
  };
  return {
    get count() {
      return running.size;
    },
    track: ({ call, notice, refused }) => ({
      call: (incoming) => add(call(incoming)),
      notice: (incoming) => add(notice(incoming)),
      refused,
    }),
    ended: () => Promise.all(running),
  };
}
