/**
 * Operations on files, one at a time: a file system that does not answer takes one thread of the runtime's
 * pool, and no caller waits for it for long.
 */
import { NegotiatorError } from "../errors.ts";
import { isDiskFrozen } from "../frozen-disk.ts";

/** The turns of operations on files that belong together. */
export type FileTurns = {
  /**
   * Runs `operation` at its turn, and resolves and rejects with it. Rejects with `TIMEOUT` if it takes too
   * long, or one before it does; an operation that was not begun by then is left out. Rejects at once while
   * an earlier one still hangs. Time in which this program has frozen file systems does not count.
   */
  run<Value>(operation: () => Promise<Value>): Promise<Value>;
  /**
   * Runs `operation` at its turn, however late that is. Resolves with its end, its failure too, or when `run`
   * would reject.
   */
  clean(operation: () => Promise<unknown>): Promise<void>;
};

/** A disk that is busy answers within a second. */
const MOST_MS = 5000;

/** The files of a daemon's state. */
export const STATE_FILES = createFileTurns("detached.directory");

/** Returns turns. `setting` names the directory in errors. An operation may take `mostMs`. */
export function createFileTurns(setting: string, mostMs = MOST_MS): FileTurns {
  let last: Promise<unknown> = Promise.resolve();
  let isStuck = false;
  /** Rejects the promises of the operations that run or wait. */
  const refusals = new Set<() => void>();

  const begin = async <Value>(operation: () => Promise<Value>): Promise<Value> => {
    const timer = setInterval(() => {
      if (isDiskFrozen()) return;
      isStuck = true;
      for (const refuse of refusals) refuse();
      refusals.clear();
    }, mostMs).unref();
    try {
      return await operation();
    } finally {
      clearInterval(timer);
      isStuck = false;
    }
  };
  const append = <Value>(task: () => Promise<Value>): Promise<Value> => {
    const turn = last.then(task);
    last = turn.catch(() => undefined);
    return turn;
  };
  return {
    async run<Value>(operation: () => Promise<Value>) {
      if (isStuck) throw late(setting, mostMs);
      const { promise, resolve, reject } = Promise.withResolvers<Value>();
      let isRefused = false;
      const refuse = (): void => {
        isRefused = true;
        reject(late(setting, mostMs));
      };
      refusals.add(refuse);
      const turn = append(async () => {
        if (!isRefused) resolve(await begin(operation));
      });
      turn.catch(reject).finally(() => refusals.delete(refuse));
      return promise;
    },
    async clean(operation) {
      const { promise, resolve } = Promise.withResolvers<void>();
      if (isStuck) resolve();
      else refusals.add(resolve);
      const turn = append(() => begin(operation));
      const end = (): void => {
        refusals.delete(resolve);
        resolve();
      };
      turn.then(end, end);
      return promise;
    },
  };
}

function late(setting: string, mostMs: number): NegotiatorError {
  const problem = `its file system does not answer within ${mostMs / 1000} s`;
  return new NegotiatorError("TIMEOUT", `Cannot use the daemon's ${setting}: ${problem}`, {
    remedy: "Look at that directory, or see how busy its disk is",
  });
}
