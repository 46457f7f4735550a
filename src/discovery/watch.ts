/**
 * Watches a finder: scans again and again, and yields what is new. libvirt keeps nothing of a transient
 * domain that was saved, so the watch keeps its endpoints, for an hour at most.
 */
import { NegotiatorError } from "../errors.ts";
import type { Clash, Endpoint, Finder } from "./endpoint.ts";
import { createFollower } from "./follower.ts";
import type { Follow, Follower } from "./follower.ts";
import { mergeEndpoints } from "./merge.ts";
import type { Merged } from "./merge.ts";
import { compareClashes, compareScans, hasNews } from "./news.ts";
import type { News } from "./news.ts";

/** Options of a watch. */
export type WatchOptions = {
  find: Finder;
  follow?: Follow;
  /** Resolves after so many milliseconds; resolves or rejects at once when the signal aborts. */
  wait: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** Returns the time in milliseconds, by a clock that does not jump. */
  now: () => number;
  /** The pause between two scans when nothing happens. */
  pollMs: number;
  /** The pause between a change and its scan, because changes come in bursts. */
  settleMs: number;
};

/** The endpoints that are known at the start of a watch, and the receiver of the problems of each scan. */
export type WatchStart = {
  first?: readonly Endpoint[];
  onScan?: (problems: readonly NegotiatorError[]) => void;
};

/**
 * Scans at once, on every change and on every poll, and after growing pauses while `follow` fails. Yields
 * when there is news. It always yields the first news, even if empty. A scan that fails is a problem and
 * removes no endpoint; endpoints that a scan calls `unread` stay as they were. Ends only when `signal`
 * aborts.
 */
export async function* watchEndpoints(
  options: WatchOptions,
  signal: AbortSignal,
  { first = [], onScan = () => undefined }: WatchStart = {},
): AsyncGenerator<News, void, undefined> {
  const left = new AbortController();
  const ending = AbortSignal.any([signal, left.signal]);
  const follower = createFollower(options.follow, ending);
  let known = first;
  let reported: ReadonlySet<string> | undefined;
  let clashes: readonly Clash[] = [];
  let retryMs = FIRST_RETRY_MS;
  try {
    while (!ending.aborted) {
      follower.listen();
      const startMs = options.now();
      const expected = markSaved(known, follower.takeSaved(), options.now());
      const scan = await tryScan(options.find, expected, ending);
      if (ending.aborted) return;
      const problems = [...follower.takeProblems(), ...scan.problems];
      onScan(problems);
      const late = findSavedMeanwhile(scan.endpoints, expected, follower.takeSaved(), options.now());
      const endpoints = [...scan.endpoints, ...late];
      const news = {
        ...compareScans({ before: known, after: endpoints, problems, reported: reported ?? new Set() }),
        ...compareClashes(clashes, scan.clashes),
      };
      const isFirst = reported === undefined;
      known = endpoints;
      ({ clashes } = scan);
      reported = new Set(problems.map((problem) => problem.message));
      if (isFirst || hasNews(news)) yield news;
      const guestMs = pauseAfter(options.now() - startMs);
      const hasChanged = await waitForChange(follower, { ...options, retryMs, guestMs }, ending);
      retryMs = follower.isFine ? FIRST_RETRY_MS : 2 * retryMs;
      if (hasChanged) await pause(options.wait, options.settleMs, ending);
    }
  } finally {
    left.abort();
    await follower.ended();
  }
}

const AWAITED_MS = 3_600_000;
/** A source of events that has ended, such as a libvirt that restarts, is asked again after this time. */
const FIRST_RETRY_MS = 2000;

/** Returns `known` with the state `saved` for guests in `saved`, without those awaited for too long. */
function markSaved(known: readonly Endpoint[], saved: ReadonlySet<string>, nowMs: number): Endpoint[] {
  return known.flatMap((endpoint): Endpoint[] => {
    const { guest, source, state, awaitedUntilMs = Infinity } = endpoint;
    if (awaitedUntilMs <= nowMs) return [];
    if (source !== "libvirt" || state === "saved" || !saved.has(guest)) return [endpoint];
    return [{ ...endpoint, state: "saved", awaitedUntilMs: nowMs + AWAITED_MS }];
  });
}

/** Returns the endpoints that a scan misses because their guests were saved during that scan. */
function findSavedMeanwhile(
  found: readonly Endpoint[],
  expected: readonly Endpoint[],
  saved: ReadonlySet<string>,
  nowMs: number,
): Endpoint[] {
  const missing = expected.filter(
    ({ guest }) => saved.has(guest) && !found.some((endpoint) => endpoint.guest === guest),
  );
  return markSaved(missing, saved, nowMs).filter(({ state }) => state === "saved");
}

async function tryScan(find: Finder, known: readonly Endpoint[], signal: AbortSignal): Promise<Merged> {
  try {
    const { endpoints, problems, unread, clashes = [] } = await find(signal, known);
    const kept = known.filter((endpoint) =>
      unread.some(
        ({ source, uuid }) => source === endpoint.source && (uuid === undefined || uuid === endpoint.uuid),
      ),
    );
    const merged = mergeEndpoints([...endpoints, ...kept]);
    return {
      endpoints: merged.endpoints,
      problems: [...problems, ...merged.problems],
      clashes: [...clashes, ...merged.clashes],
    };
  } catch (error) {
    return { endpoints: known, problems: [NegotiatorError.from(error)], clashes: [] };
  }
}

/** Guests can cause a scan so long after the last one. */
const GUEST_PAUSE_MS = 2000;
/** They can cause scans for a fifth of the time at most. */
const GUEST_PAUSE_SCANS = 4;

function pauseAfter(scanMs: number): number {
  return Math.max(GUEST_PAUSE_MS, scanMs * GUEST_PAUSE_SCANS);
}

/**
 * Returns true after a change, false when the time for a poll has come or the watch ends. A change that a
 * guest has caused counts after `guestMs`.
 */
async function waitForChange(
  follower: Follower,
  { wait, now, pollMs, retryMs, guestMs }: WatchOptions & { retryMs: number; guestMs: number },
  signal: AbortSignal,
): Promise<boolean> {
  const left = new AbortController();
  const over = AbortSignal.any([signal, left.signal]);
  const retry = async (): Promise<void> => {
    await follower.lost();
    if (retryMs < pollMs && !over.aborted) await pause(wait, retryMs, over);
    else await polled;
  };
  const fromMs = now();
  const byGuest = async (): Promise<void> => {
    await follower.changedByGuest();
    await pause(wait, Math.max(0, fromMs + guestMs - now()), over);
  };
  const polled = pause(wait, pollMs, over);
  try {
    const changed = Promise.race([follower.changed(), byGuest()]).then(() => true);
    return await Promise.race([changed, polled.then(() => false), retry().then(() => false)]);
  } finally {
    left.abort();
  }
}

async function pause(wait: WatchOptions["wait"], milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await wait(milliseconds, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
