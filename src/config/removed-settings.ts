/** Former settings. A config that has one still works; the key has no effect, and a warning says so. */
import { printable } from "../printable.ts";

/** Dotted keys of releases 0.1.0 and 0.2.0. */
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
  "timeoutSeconds",
];

/** The replacements of removed keys. The keys without one are fixed values now. */
const REPLACEMENTS: Readonly<Record<string, string>> = {
  timeoutSeconds:
    "--timeout SECONDS gives one command a deadline, " +
    "connectTimeoutSeconds limits the time to reach the other side",
};

/** Deletes the removed keys from the parsed TOML of `path`. Returns one warning for each. */
export function dropRemovedKeys(parsed: unknown, path: string): string[] {
  return REMOVED_KEYS.filter((key) => dropKey(parsed, key.split("."))).map((key) =>
    noEffect(`The key ${key} in ${printable(path)}`, key),
  );
}

/** Returns a warning about a variable that set the removed `key`. */
export function warnOfRemoved(variable: string, key: string): string {
  return noEffect(`The variable ${variable}`, key);
}

function noEffect(what: string, key: string): string {
  const { [key]: replacement } = REPLACEMENTS;
  const rest = replacement === undefined ? "" : `. ${replacement}`;
  return `${what} no longer has an effect: remove it${rest}`;
}

/** Returns whether the key was there. */
function dropKey(table: unknown, [name = "", ...rest]: readonly string[]): boolean {
  if (typeof table !== "object" || table === null || !Object.hasOwn(table, name)) return false;
  if (rest.length === 0) return Reflect.deleteProperty(table, name);
  const inner: unknown = Reflect.get(table, name);
  return dropKey(inner, rest);
}
