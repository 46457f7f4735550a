/** Makes the options of the host's watch for guests, whose target a reload can replace. */
import { onAbort } from "../../abort.ts";
import type { WatchOptions } from "../../discovery/watch.ts";
import { pause } from "../../peers/supervise.ts";
import type { Finders } from "./finders.ts";

/** The finders to use, and the pause between two scans when nothing happens. */
export type WatchTarget = Finders & { pollMs: number };

/** Options for `watchEndpoints`. */
export type ReloadableWatch = WatchOptions & {
  /** Makes the watch scan `next` at once; the old follower ends and that of `next` starts. */
  replace: (next: WatchTarget) => void;
  /** Answers questions about domains that no scan reports; undefined without libvirt. */
  readonly stopped: Finders["stopped"];
  /**
   * Makes the watch scan at once, or right after the scan that runs now. Resolves when a scan that began
   * after this has ended.
   */
  lookAgain: () => Promise<void>;
};

/** Changes come in bursts: the start of one guest causes several. */
const SETTLE_MS = 200;

/** `wait` resolves after so many milliseconds or when its signal aborts; tests pass another one. */
export function createReloadableWatch(
  first: WatchTarget,
  wait: WatchOptions["wait"] = pause,
): ReloadableWatch {
  let current = createView(first);
  /** The view of the last scan. Once it is replaced, no wait keeps the next scan back. */
  let scanned = current;
  /** Aborts when another scan is due. Each scan begins with a new one. */
  let due = new AbortController();
  let nextScan = Promise.withResolvers<void>();

  return {
    async find(signal, known = []) {
      scanned = current;
      due = new AbortController();
      const { resolve: reportEnd } = nextScan;
      nextScan = Promise.withResolvers();
      const { target, replaced } = scanned;
      try {
        return await target.find(AbortSignal.any([signal, replaced.signal]), known);
      } catch (thrown) {
        if (!replaced.signal.aborted) throw thrown;
        // An aborted scan found nothing new.
        return { endpoints: known, problems: [], unread: [] };
      } finally {
        reportEnd();
      }
    },
    async *follow(signal) {
      while (!signal.aborted) {
        const { target, replaced } = current;
        const ending = AbortSignal.any([signal, replaced.signal]);
        try {
          if (target.follow === undefined) await untilAbort(ending);
          else yield* target.follow(ending);
          if (!replaced.signal.aborted) return;
        } catch (thrown) {
          if (!replaced.signal.aborted) throw thrown;
        }
        // Changes during the end of the old follower were not reported, so this asks for a scan.
        yield {};
      }
    },
    wait: (milliseconds, signal) =>
      wait(milliseconds, AbortSignal.any([signal, scanned.replaced.signal, due.signal])),
    now: () => performance.now(),
    get pollMs() {
      return current.target.pollMs;
    },
    settleMs: SETTLE_MS,
    get stopped() {
      return current.target.stopped;
    },
    replace(next) {
      const { replaced } = current;
      current = createView(next);
      replaced.abort();
    },
    lookAgain() {
      due.abort();
      return nextScan.promise;
    },
  };
}

type View = { target: WatchTarget; replaced: AbortController };

function createView(target: WatchTarget): View {
  return { target, replaced: new AbortController() };
}

async function untilAbort(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  using _ = onAbort(signal, resolve);
  await promise;
}
