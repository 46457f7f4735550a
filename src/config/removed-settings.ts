/** The settings of earlier releases that have no effect any more. They cause a warning, not an error. */
import { printable } from "../printable.ts";

/** Limits that are fixed now. `countedBytes` is the name that 0.1.0 has for `lengthPrefixedBytes`. */
const REMOVED_LIMITS = [
  "countedBytes",
  "lengthPrefixedBytes",
  "streamsPerCall",
  "streamCreditBytes",
  "unacknowledgedBytes",
  "finishedCalls",
  "finishedBytes",
  "finishedMs",
  "faults",
] as const;

/** The dotted keys of the removed settings. */
export const REMOVED_KEYS: readonly string[] = REMOVED_LIMITS.map((name) => `limits.${name}`);

/**
 * Splits a parsed config file: `table` is a copy without the removed keys, `warnings` has a sentence for each of
 * them. `source` names the file. A value that is not a table comes back as it is.
 */
export function withoutRemovedKeys(
  table: Record<string, unknown>,
  source: string,
): { table: Record<string, unknown>; warnings: string[] } {
  const { limits } = table;
  if (typeof limits !== "object" || limits === null || Array.isArray(limits)) return { table, warnings: [] };
  const removed = REMOVED_LIMITS.filter((name) => Object.hasOwn(limits, name));
  const kept = Object.entries(limits).filter(([name]) => !removed.some((other) => other === name));
  const warnings = removed.map(
    (name) => `The key limits.${name} in ${printable(source)} has no effect any more: remove it`,
  );
  return { table: { ...table, limits: Object.fromEntries(kept) }, warnings };
}
