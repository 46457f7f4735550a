/** Counts the calls and notices that run in a daemon, so that it can wait for their ends. */
import { NegotiatorError } from "../../errors.ts";
import type { Dispatcher } from "../../methods/dispatcher.ts";
import type { Serve } from "../../methods/serve.ts";
import type { Role } from "../../peers/dialect.ts";

/** The running calls and notices of a daemon. */
export type RunningCalls = {
  readonly count: number;
  /** Returns what serves one caller, and counts what runs for it. */
  track: (dispatcher: Dispatcher) => Serve;
  /** Refuses all further calls that would start a command. Others, such as `cancel-call`, are served. */
  refuseStarts: () => void;
  /** Resolves when all that run now have ended. */
  ended: () => Promise<unknown>;
};

/** The methods that start a command or a program. */
const STARTING: ReadonlySet<string> = new Set(["execute", "guest-exec"]);

/** Creates the count. `onFirst` is called before the first call. */
export function createRunningCalls(role: Role, onFirst: () => void): RunningCalls {
  const running = new Set<Promise<void>>();
  let wasCalled = false;
  let isRefusing = false;
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
      call(incoming) {
        if (!isRefusing || !STARTING.has(incoming.method)) return add(call(incoming));
        const error = stops(role);
        incoming.fail(error);
        refused({ ...incoming, error });
      },
      notice: (incoming) => add(notice(incoming)),
      refused,
    }),
    refuseStarts: () => void (isRefusing = true),
    ended: () => Promise.all(running),
  };
}

function stops(role: Role): NegotiatorError {
  return new NegotiatorError("BUSY", `The ${role}'s daemon stops, and takes no new calls`, {
    remedy: "Try again once it runs again. The command was not started",
  });
}
