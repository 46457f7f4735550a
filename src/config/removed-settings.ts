/** Former settings. A config that has one still works; the key has no effect, and a warning says so. */
import { printable } from "../printable.ts";

/** Dotted keys of release 0.1.0. */
export const REMOVED_KEYS: readonly string[] = [
  "limits.countedBytes",
  "limits.faults",
  "limits.finishedBytes",
  "limits.finishedCalls",
  "limits.finishedMs",
  "limits.lengthPrefixedBytes",
  "limits.streamCreditBytes",
  "limits.streamsPerCall",
  "limits.unacknowledgedBytes",
];

/** Deletes the removed keys from the parsed TOML of `path`. Returns one warning for each. */
export function dropRemovedKeys(parsed: unknown, path: string): string[] {
  return REMOVED_KEYS.filter((key) => dropKey(parsed, key.split("."))).map(
    (key) => `The key ${key} in ${printable(path)} no longer has an effect: remove it`,
  );
}

/** Returns a warning about a variable that set a removed key. */
export function warnOfRemoved(variable: string): string {
  return `The variable ${variable} no longer has an effect: remove it`;
}

/** Returns whether the key was there. */
function dropKey(table: unknown, [name = "", ...rest]: readonly string[]): boolean {
  if (typeof table !== "object" || table === null || !Object.hasOwn(table, name)) return false;
  if (rest.length === 0) return Reflect.deleteProperty(table, name);
  const inner: unknown = Reflect.get(table, name);
  return dropKey(inner, rest);
}
