/** Reads the entries of both audit files together, in the order of their times. */
import type { AuditReader, FoundLine } from "./audit-reader.ts";

/** One line of the audit as it was read. Other programs can write it too, so every member may be anything. */
export type ReadEntry = { timeMs: number; members: Readonly<Record<string, unknown>> };

/** Counts the lines that are not lines of the audit, and keeps the places of the first ones. */
export type BadLines = { count: number; places: string[] };

const MOST_PLACES = 5;

/**
 * Yields the entries that are there now, oldest first, and counts lines that are none in `bad`. With `isLast`
 * the readers are not asked again. Empty lines are passed over: one can come from two processes that wrote at
 * once.
 */
export function* readEntries(
  readers: readonly AuditReader[],
  { isLast, bad }: { isLast: boolean; bad: BadLines },
): Generator<ReadEntry, void, undefined> {
  const sources = readers.map((reader) => {
    const entries = parseLines(reader.lines(isLast), bad);
    return { entries, head: entries.next() };
  });
  for (;;) {
    const [first, ...others] = sources.filter(({ head }) => head.done !== true);
    if (first === undefined) return;
    const oldest = others.reduce((best, one) => (timeOf(one.head) < timeOf(best.head) ? one : best), first);
    const { head } = oldest;
    if (head.done !== true) yield head.value;
    oldest.head = oldest.entries.next();
  }
}

function timeOf(head: IteratorResult<ReadEntry, void>): number {
  return head.done === true ? Number.POSITIVE_INFINITY : head.value.timeMs;
}

function* parseLines(lines: Iterable<FoundLine>, bad: BadLines): Generator<ReadEntry, void, undefined> {
  for (const { text, path, number } of lines) {
    if (text === "") continue;
    const entry = text === undefined ? undefined : parseEntry(text);
    if (entry !== undefined) {
      yield entry;
      continue;
    }
    bad.count++;
    if (bad.places.length < MOST_PLACES) bad.places.push(`${path}:${number}`);
  }
}

function parseEntry(text: string): ReadEntry | undefined {
  try {
    const members: unknown = JSON.parse(text);
    if (!isObject(members)) return undefined;
    const { time } = members;
    const timeMs = typeof time === "string" ? Date.parse(time) : Number.NaN;
    return Number.isNaN(timeMs) ? undefined : { timeMs, members };
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
