/** Collects the changes that a source of events reports between two scans. */
import { NegotiatorError } from "../errors.ts";

/**
 * Yields whenever something may have changed, until `signal` aborts; `saved` is the name of a guest that was
 * saved. `isByGuest`: a guest can cause the change as often as it likes. An earlier end is a problem, after
 * which the watch follows again.
 */
export type Follow = (signal: AbortSignal) => AsyncIterable<{ saved?: string; isByGuest?: true }>;

/** A running `Follow`, as the watch uses it. */
export type Follower = {
  /** Starts to follow if it is not running, and discards the changes so far. */
  listen(): void;
  /** Resolves at the first change since `listen` that no guest has caused. */
  changed(): Promise<void>;
  /** Resolves at the first change since `listen` that a guest has caused. */
  changedByGuest(): Promise<void>;
  /** Returns the problems since the last call. */
  takeProblems(): NegotiatorError[];
  /** Returns the names of guests that were saved since the last call. */
  takeSaved(): ReadonlySet<string>;
  /** Resolves when nothing is running. */
  ended(): Promise<void>;
  /** Whether the source of events runs, or there is none. */
  readonly isFine: boolean;
  /** Resolves when the source of events does not run. Without a source, it never does. */
  lost(): Promise<void>;
};

/** Makes a follower that ends when `signal` aborts. Without `follow` it never reports a change. */
export function createFollower(follow: Follow | undefined, signal: AbortSignal): Follower {
  let running: Promise<void> | undefined;
  let change = Promise.withResolvers<void>();
  let guestChange = Promise.withResolvers<void>();
  const problems: NegotiatorError[] = [];
  let saved = new Set<string>();
  const run = async (source: Follow): Promise<void> => {
    try {
      for await (const event of source(signal)) {
        if (event.saved !== undefined) saved.add(event.saved);
        (event.isByGuest === true ? guestChange : change).resolve();
      }
      problems.push(
        new NegotiatorError("CLOSED", "Cannot follow the guests' changes: the source of events ended", {
          remedy: "Wait: the daemon follows again by itself, and looks for guests until then",
        }),
      );
    } catch (error) {
      problems.push(NegotiatorError.from(error));
    }
  };
  return {
    listen() {
      change = Promise.withResolvers<void>();
      guestChange = Promise.withResolvers<void>();
      if (follow === undefined) return;
      running ??= run(follow).finally(() => {
        running = undefined;
      });
    },
    changed: () => change.promise,
    changedByGuest: () => guestChange.promise,
    takeProblems: () => problems.splice(0),
    takeSaved() {
      const taken = saved;
      saved = new Set();
      return taken;
    },
    ended: () => running ?? Promise.resolve(),
    get isFine() {
      return follow === undefined || running !== undefined;
    },
    lost: () => (follow === undefined ? new Promise<void>(() => undefined) : (running ?? Promise.resolve())),
  };
}
