/** Puts a watch on a stage without a clock: scans, changes and the ends of waits are in the test's hands. */
import type { Endpoint, Scan } from "../../src/discovery/endpoint.ts";
import { watchEndpoints } from "../../src/discovery/watch.ts";
import type { News } from "../../src/discovery/watch.ts";

export const POLL = 60_000;
export const SETTLE = 100;

/** A scan without trouble. */
export const found = (...endpoints: Endpoint[]): Scan => ({ endpoints, problems: [], unread: [] });

/** A watch whose scans come from a list (the last repeats; a function is a scan that takes its time), with waits and changes in the test's hands. */
export function createStage(scans: (Scan | Error | (() => Promise<Scan>))[], follow = true) {
  const controller = new AbortController();
  const waits: { milliseconds: number; end: () => void }[] = [];
  const followers: ChangeSource[] = [];
  /** What each scan was told to be known. */
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
          signal.addEventListener("abort", () => {
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
    /** Waits until somebody waits that long, and ends it. */
    async endWait(milliseconds: number) {
      await until(() => waits.some((wait) => wait.milliseconds === milliseconds));
      const index = waits.findIndex((wait) => wait.milliseconds === milliseconds);
      waits.splice(index, 1)[0]?.end();
    },
    waiting: () => waits.map(({ milliseconds }) => milliseconds),
  };
}

/** A source of changes in the test's hands; a change may tell that a guest was saved. */
export type ChangeSource = {
  change: (saved?: string) => void;
  fail: (error?: Error) => void;
  signal: AbortSignal;
};

/** A source of changes that registers itself in `followers` when it is started. */
export async function* createChanges(
  signal: AbortSignal,
  followers: ChangeSource[],
): AsyncGenerator<{ kind: string; saved?: string }> {
  type Turn = { kind: string; saved?: string } | undefined;
  let turn = Promise.withResolvers<Turn>();
  followers.push({
    change: (saved) => turn.resolve({ kind: "lifecycle", ...(saved === undefined ? {} : { saved }) }),
    fail: (error) => (error === undefined ? turn.resolve(undefined) : turn.reject(error)),
    signal,
  });
  signal.addEventListener("abort", () => turn.resolve(undefined));
  for (let change = await turn.promise; change !== undefined; change = await turn.promise) {
    turn = Promise.withResolvers();
    yield change;
  }
}

function fail(reason: string): never {
  throw new Error(reason);
}

/** Waits for a condition, one turn of the event loop after the other; not for ever, as that would slow all later tests down. */
export async function until(condition: () => boolean): Promise<void> {
  const endMs = performance.now() + LONGEST_WAIT_MS;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`Waited in vain until ${String(condition)}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const LONGEST_WAIT_MS = 45_000;
