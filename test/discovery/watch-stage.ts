/** Runs a watch without a clock: the test controls its scans, its changes and the ends of its waits. */
import { onAbort } from "../../src/abort.ts";
import type { Endpoint, Scan } from "../../src/discovery/endpoint.ts";
import { watchEndpoints } from "../../src/discovery/watch.ts";
import type { News } from "../../src/discovery/news.ts";

/** `pollMs` of the watch. */
export const POLL = 60_000;
/** `settleMs` of the watch. */
export const SETTLE = 100;

/** Returns a scan without problems. */
export const found = (...endpoints: Endpoint[]): Scan => ({ endpoints, problems: [], unread: [] });

/**
 * Starts a watch whose scans come from a list. The last one repeats; an `Error` is a scan that fails; a
 * function is a scan that takes its time.
 */
export function createStage(scans: (Scan | Error | (() => Promise<Scan>))[], follow = true) {
  const controller = new AbortController();
  const waits: { milliseconds: number; end: () => void }[] = [];
  const followers: ChangeSource[] = [];
  /** The known endpoints that each scan got. */
  const known: (readonly Endpoint[])[] = [];
  let scanCount = 0;
  let nowMs = 0;
  const watch = watchEndpoints(
    {
      find: async (_, before = []) => {
        known.push(before);
        const scan = scans[Math.min(scanCount++, scans.length - 1)];
        if (scan instanceof Error) throw scan;
        if (typeof scan === "function") return scan();
        return scan ?? found();
      },
      ...(follow && { follow: (signal) => createChanges(signal, followers) }),
      wait: (milliseconds, signal) =>
        new Promise((resolve) => {
          const entry = { milliseconds, end: resolve };
          waits.push(entry);
          onAbort(signal, () => {
            const place = waits.indexOf(entry);
            if (place !== -1) waits.splice(place, 1);
            resolve();
          });
        }),
      now: () => nowMs,
      pollMs: POLL,
      settleMs: SETTLE,
    },
    controller.signal,
  );
  return {
    watch,
    controller,
    followers,
    known,
    setNow: (milliseconds: number) => void (nowMs = milliseconds),
    scanCount: () => scanCount,
    next: async (): Promise<News> => (await watch.next()).value ?? fail("the watch ended"),
    /** Waits until the watch waits for so long, and ends that wait. */
    async endWait(milliseconds: number) {
      await until(() => waits.some((wait) => wait.milliseconds === milliseconds));
      const index = waits.findIndex((wait) => wait.milliseconds === milliseconds);
      waits.splice(index, 1)[0]?.end();
    },
    waiting: () => waits.map(({ milliseconds }) => milliseconds),
  };
}

/** A source of changes that the test controls. `saved` is the name of a guest that was saved. */
export type ChangeSource = {
  change: (saved?: string) => void;
  changeByGuest: () => void;
  fail: (error?: Error) => void;
  signal: AbortSignal;
};

type Change = { kind: string; saved?: string; isByGuest?: true };

/** Returns a source of changes, which the test controls through its new entry in `followers`. */
export async function* createChanges(signal: AbortSignal, followers: ChangeSource[]): AsyncGenerator<Change> {
  type Turn = Change | undefined;
  let turn = Promise.withResolvers<Turn>();
  followers.push({
    change: (saved) => turn.resolve({ kind: "lifecycle", ...(saved === undefined ? {} : { saved }) }),
    changeByGuest: () => turn.resolve({ kind: "agent-lifecycle", isByGuest: true }),
    fail: (error) => (error === undefined ? turn.resolve(undefined) : turn.reject(error)),
    signal,
  });
  onAbort(signal, () => turn.resolve(undefined));
  for (let change = await turn.promise; change !== undefined; change = await turn.promise) {
    turn = Promise.withResolvers();
    yield change;
  }
}

function fail(reason: string): never {
  throw new Error(reason);
}

/**
 * Waits for a condition, turn by turn of the event loop. Throws after 45 s, so that a failed test does not
 * spin for ever.
 */
export async function until(condition: () => boolean): Promise<void> {
  const endMs = performance.now() + LONGEST_WAIT_MS;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`The condition stayed false: ${String(condition)}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const LONGEST_WAIT_MS = 45_000;
