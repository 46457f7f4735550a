/** The names of the built-in commands: for the setting `builtIns`, and for the table of commands. */
import { nearest } from "./nearest.ts";

/** All names, sorted. */
export const BUILTIN_NAMES = [
  "find-disk-usage",
  "find-distribution-codename",
  "find-distribution-release",
  "find-distributor-id",
  "find-ip-addresses",
] as const;

/** The name of a built-in command. */
export type BuiltinName = (typeof BUILTIN_NAMES)[number];

/** Returns whether a built-in command has this name. */
export function isBuiltinName(name: string): name is BuiltinName {
  return BUILTIN_NAMES.some((known) => known === name);
}

/** Returns the sentence about a name that no built-in command has. */
export function describeUnknownBuiltin(name: string): string {
  const [guess] = nearest(name, BUILTIN_NAMES);
  const hint = guess === undefined ? `there are: ${BUILTIN_NAMES.join(", ")}` : `did you mean "${guess}"?`;
  return `there is no built-in command "${name}"; ${hint}`;
}
