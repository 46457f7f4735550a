/** Turns a finder into news: what appeared, what changed, what is gone. */
import { NegotiatorError } from "../errors.ts";
import type { Endpoint, Finder, Scan } from "./endpoint.ts";
import { mergeEndpoints } from "./merge.ts";

/**
 * The difference between two scans. `changed` holds endpoints at the same place of which something else is new, such as
 * `state`, and those that moved with their guest when it was restored. `problems` holds those that the scan before did not
 * have, so a lasting one is told once.
 */
export type News = {
  appeared: readonly Endpoint[];
  changed: readonly Endpoint[];
  gone: readonly Endpoint[];
  problems: readonly NegotiatorError[];
};

/**
 * Yields whenever something may have changed, until the signal aborts; with a `saved`, that the guest of that name was
 * saved. Another end is a problem, and it is started anew.
 */
export type Follow = (signal: AbortSignal) => AsyncIterable<{ saved?: string }>;

export type WatchOptions = {
  find: Finder;
  follow?: Follow;
  /** Resolves after so many milliseconds; resolves or rejects at once when the signal aborts. */
  wait: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** The time in milliseconds, by a clock that does not jump. */
  now: () => number;
  /** Pause between scans when nothing happens; it also bounds how fast a broken `follow` is started anew. */
  pollMs: number;
  /** Pause between a change and the scan for it: changes come in bursts. */
  settleMs: number;
};

/**
 * Scans at once and then on every change and poll, and yields when there is news; the first one is always yielded, even
 * if empty. A failing scan is a problem and removes nothing; what a scan calls `unread` stays as it was known. Ends
 * only when `signal` aborts.
 */
export async function* watchEndpoints(
  options: WatchOptions,
  signal: AbortSignal,
): AsyncGenerator<News, void, undefined> {
  const life = new AbortController();
  const whole = AbortSignal.any([signal, life.signal]);
  const changes = createFollower(options.follow, whole);
  let known: readonly Endpoint[] = [];
  let reported: ReadonlySet<string> | undefined;
  try {
    while (!whole.aborted) {
      changes.listen();
      const expected = foresee(known, changes.takeSaved(), options.now());
      const scan = await tryScan(options.find, expected, whole);
      if (whole.aborted) return;
      const problems = [...changes.takeProblems(), ...scan.problems];
      const late = savedMeanwhile(scan.endpoints, expected, changes.takeSaved(), options.now());
      const endpoints = [...scan.endpoints, ...late];
      const news = compare(known, endpoints, problems, reported);
      const isFirst = reported === undefined;
      known = endpoints;
      reported = new Set(problems.map((problem) => problem.message));
      if (isFirst || Object.values(news).some((list) => list.length > 0)) yield news;
      if (await waitForChange(changes, options, whole)) await pause(options.wait, options.settleMs, whole);
    }
  } finally {
    life.abort();
    await changes.ended();
  }
}

/**
 * A transient domain leaves nothing in libvirt when it is saved, so that nobody will say if it is never restored: whoever
 * waits for it is let go after an hour.
 */
const AWAITED_MS = 3_600_000;

/** What is known, with what the events told since, and without what has been awaited for too long. */
function foresee(known: readonly Endpoint[], saved: ReadonlySet<string>, nowMs: number): Endpoint[] {
  return known.flatMap((endpoint): Endpoint[] => {
    const { guest, source, state, awaitedUntilMs = Infinity } = endpoint;
    if (awaitedUntilMs <= nowMs) return [];
    if (source !== "libvirt" || state === "saved" || !saved.has(guest)) return [endpoint];
    return [{ ...endpoint, state: "saved", awaitedUntilMs: nowMs + AWAITED_MS }];
  });
}

/** Those that were saved while the scan ran: they are missing from it, and the event came too late to be heeded by it. */
function savedMeanwhile(
  found: readonly Endpoint[],
  expected: readonly Endpoint[],
  saved: ReadonlySet<string>,
  nowMs: number,
): Endpoint[] {
  const missing = expected.filter(
    ({ guest }) => saved.has(guest) && !found.some((endpoint) => endpoint.guest === guest),
  );
  return foresee(missing, saved, nowMs).filter(({ state }) => state === "saved");
}

/** What is known after a scan: what it found, and what it could not look at. */
async function tryScan(
  find: Finder,
  known: readonly Endpoint[],
  signal: AbortSignal,
): Promise<Pick<Scan, "endpoints" | "problems">> {
  try {
    const { endpoints, problems, unread } = await find(signal, known);
    const kept = known.filter((endpoint) =>
      unread.some(
        ({ source, uuid }) => source === endpoint.source && (uuid === undefined || uuid === endpoint.uuid),
      ),
    );
    const merged = mergeEndpoints([...endpoints, ...kept]);
    return { endpoints: merged.endpoints, problems: [...problems, ...merged.problems] };
  } catch (error) {
    return { endpoints: known, problems: [NegotiatorError.from(error)] };
  }
}

function compare(
  before: readonly Endpoint[],
  after: readonly Endpoint[],
  problems: readonly NegotiatorError[],
  reported: ReadonlySet<string> = new Set(),
): News {
  const old = new Map(before.map((endpoint) => [placeOf(endpoint), endpoint]));
  const pairs = after.map((endpoint) => {
    const { movedFrom: path = endpoint.path } = endpoint;
    return { endpoint, earlier: old.get(placeOf(endpoint)) ?? old.get(placeOf({ ...endpoint, path })) };
  });
  const stayed = new Set(pairs.map(({ earlier }) => earlier));
  return {
    appeared: pairs.flatMap(({ endpoint, earlier }) => (earlier === undefined ? [endpoint] : [])),
    changed: pairs.flatMap(({ endpoint, earlier }) => {
      if (earlier === undefined) return [];
      // That it moved is news with the move itself, and not once more when it is told no longer.
      const { movedFrom: _, ...rest } = earlier;
      return Bun.deepEquals(rest, endpoint) ? [] : [endpoint];
    }),
    gone: before.filter((endpoint) => !stayed.has(endpoint)),
    problems: problems.filter((problem) => !reported.has(problem.message)),
  };
}

/** What makes an endpoint another one: a restarted domain has a new socket, a new guest may take over an old path. */
function placeOf({ guest, uuid, port, path, machine }: Endpoint): string {
  return JSON.stringify([guest, uuid, port, path, machine]);
}

type Follower = {
  /** Starts following if it is not under way, and forgets the changes so far. */
  listen(): void;
  /** Resolves at the first change since `listen`. */
  changed(): Promise<void>;
  takeProblems(): NegotiatorError[];
  /** The names of guests that were saved since they were last taken. */
  takeSaved(): ReadonlySet<string>;
  ended(): Promise<void>;
};

function createFollower(follow: WatchOptions["follow"], signal: AbortSignal): Follower {
  let running: Promise<void> | undefined;
  let change = Promise.withResolvers<void>();
  const problems: NegotiatorError[] = [];
  let saved = new Set<string>();
  const run = async (source: NonNullable<WatchOptions["follow"]>): Promise<void> => {
    try {
      for await (const news of source(signal)) {
        if (news.saved !== undefined) saved.add(news.saved);
        change.resolve();
      }
      problems.push(
        new NegotiatorError("CLOSED", "Cannot follow the guests' changes: the source of events ended"),
      );
    } catch (error) {
      problems.push(NegotiatorError.from(error));
    }
  };
  const forget = (): void => {
    running = undefined;
  };
  return {
    listen() {
      change = Promise.withResolvers<void>();
      if (follow !== undefined) running ??= run(follow).finally(forget);
    },
    changed: () => change.promise,
    takeProblems: () => problems.splice(0),
    takeSaved() {
      const taken = saved;
      saved = new Set();
      return taken;
    },
    ended: () => running ?? Promise.resolve(),
  };
}

/** True after a change, false when the poll's time has come or the watch ends. */
async function waitForChange(
  changes: Follower,
  options: WatchOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const poll = new AbortController();
  try {
    const polled = pause(options.wait, options.pollMs, AbortSignal.any([signal, poll.signal]));
    return await Promise.race([changes.changed().then(() => true), polled.then(() => false)]);
  } finally {
    poll.abort();
  }
}

async function pause(wait: WatchOptions["wait"], milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await wait(milliseconds, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
