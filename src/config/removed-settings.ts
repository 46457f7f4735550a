/** Settings of 0.1.0 that have no effect any more. A config that still has one is read, with a warning. */
import { printable } from "../printable.ts";

/** The keys of `[limits]` that are fixed now. `countedBytes` is an older name of `lengthPrefixedBytes`. */
const REMOVED_LIMITS = [
  "lengthPrefixedBytes",
  "countedBytes",
  "streamsPerCall",
  "streamCreditBytes",
  "unacknowledgedBytes",
  "finishedCalls",
  "finishedBytes",
  "finishedMs",
  "faults",
];

/** Dotted keys of the removed settings. */
export const REMOVED_KEYS: readonly string[] = REMOVED_LIMITS.map((name) => `limits.${name}`);

/**
 * Returns the table of a config file without removed keys, and a warning for each. `source` names the file.
 */
export function dropRemovedKeys(
  table: Readonly<Record<string, unknown>>,
  source: string,
): { table: Record<string, unknown>; warnings: string[] } {
  const { limits } = table;
  if (typeof limits !== "object" || limits === null || Array.isArray(limits)) {
    return { table: { ...table }, warnings: [] };
  }
  const removed = REMOVED_LIMITS.filter((name) => Object.hasOwn(limits, name));
  const kept = Object.entries(limits).filter(([name]) => !removed.includes(name));
  return {
    table: { ...table, limits: Object.fromEntries(kept) },
    warnings: removed.map((name) => warn(`key limits.${name} in ${printable(source)}`)),
  };
}

/** Returns a warning for each name of a variable that set a removed setting. `removed` are all such names. */
export function warnOfRemovedVariables(names: readonly string[], removed: readonly string[]): string[] {
  return names.filter((name) => removed.includes(name)).map((name) => warn(`variable ${name}`));
}

function warn(what: string): string {
  return `The ${what} has no effect any more: remove it`;
}
