/**
 * The host's lookout for guests: a watch's options that stay the same while what they look at is replaced by
 * a reload.
 */
import { once } from "node:events";
import type { WatchOptions } from "../../discovery/watch.ts";
import { pause } from "../../peers/supervise.ts";
import type { Finders } from "./finders.ts";

/** Where to look, and the pause in milliseconds between two looks when nothing happens. */
export type WatchTarget = Finders & { pollMs: number };

export type ReloadableWatch = WatchOptions & {
  /** The watch looks again at once, with this; the old follower ends and the new one takes its place. */
  replace: (next: WatchTarget) => void;
};

/** Changes come in bursts: a guest that starts has several. */
const SETTLE_MS = 200;

/**
 * For `watchEndpoints`. `wait` resolves after so many milliseconds or when its signal aborts; another is for
 * tests.
 */
export function createReloadableWatch(
  first: WatchTarget,
  wait: WatchOptions["wait"] = pause,
): ReloadableWatch {
  let current = createView(first);
  /** What the last look was at: when that is replaced, however early, nobody waits for the next one. */
  let seen = current;

  return {
    async find(signal, known = []) {
      seen = current;
      const { outlook, replaced } = seen;
      try {
        return await outlook.find(AbortSignal.any([signal, replaced.signal]), known);
      } catch (thrown) {
        if (!replaced.signal.aborted) throw thrown;
        // Nothing was learnt from a look that was broken off.
        return { endpoints: known, problems: [], unread: [] };
      }
    },
    async *follow(signal) {
      while (!signal.aborted) {
        const { outlook, replaced } = current;
        const ending = AbortSignal.any([signal, replaced.signal]);
        try {
          if (outlook.follow === undefined) await once(ending, "abort");
          else yield* outlook.follow(ending);
          if (!replaced.signal.aborted) return;
        } catch (thrown) {
          if (!replaced.signal.aborted) throw thrown;
        }
        // The old one may have taken its time to end: what happened meanwhile nobody told.
        yield {};
      }
    },
    wait: (milliseconds, signal) => wait(milliseconds, AbortSignal.any([signal, seen.replaced.signal])),
    now: () => performance.now(),
    get pollMs() {
      return current.outlook.pollMs;
    },
    settleMs: SETTLE_MS,
    replace(next) {
      const { replaced } = current;
      current = createView(next);
      replaced.abort();
    },
  };
}

type View = { outlook: WatchTarget; replaced: AbortController };

function createView(outlook: WatchTarget): View {
  return { outlook, replaced: new AbortController() };
}
