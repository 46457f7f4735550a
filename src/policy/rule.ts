/** One rule of a policy with its parsed patterns. `rule-match.ts` decides whether it matches a call. */
import * as v from "valibot";
import { parseGlob } from "./glob.ts";
import type { Glob } from "./glob.ts";
import { parseLooseGlob } from "./loose-glob.ts";
import type { LooseGlob } from "./loose-glob.ts";
import { ANY_FURTHER, isAboutUsers, METHODS_OF_USERS, RuleTableSchema } from "./rule-table.ts";
import type { RuleTable } from "./rule-table.ts";

/** A pattern for names. Those of a rule that denies are loose. */
export type NamePattern = Pick<Glob, "source" | "matches">;

/** The lists of names that a rule can have. */
export type NameKey = "users" | "groups" | "guests" | "methods" | "commands" | "paths";

/** The arguments of a rule: a pattern for each in order, or patterns that each have to fit some argument. */
export type ArgumentPatterns =
  | { kind: "ordered"; isOpen: boolean; globs: readonly Glob[] }
  | { kind: "none" }
  | { kind: "some"; globs: readonly LooseGlob[] };

/**
 * A parsed rule. `isAboutUsers`: it is for local users, and matches no other caller. `place` has its number
 * and its file, if the policy has several files.
 */
export type Rule = Omit<RuleTable, NameKey | "arguments"> & {
  isAboutUsers: boolean;
  names: Readonly<Partial<Record<NameKey, readonly NamePattern[]>>>;
  arguments: ArgumentPatterns | undefined;
  place?: string;
};

/** Returns a rule's name for messages; `number` counts the rules of the policy from 1. */
export function nameRule({ place }: Pick<Rule, "place">, number: number): string {
  return `rule ${number}${place === undefined ? "" : ` (${place})`}`;
}

/** Returns a rule's name with its file. `path` is that of a policy with one file. */
export function placeRule({ place }: Pick<Rule, "place">, number: number, path: string): string {
  return place ?? `rule ${number} of ${path}`;
}

/** A table of `[[rules]]` in the policy's file, checked and parsed. */
export const RuleSchema = v.pipe(
  RuleTableSchema,
  v.transform(parseRule),
  v.check(
    ({ isAboutUsers: isForUsers, names: { methods } }) =>
      !isForUsers ||
      methods === undefined ||
      METHODS_OF_USERS.some((method) => methods.some(({ matches }) => matches(method))),
    `with users or groups it needs one of the methods ${METHODS_OF_USERS.join(", ")}`,
  ),
);

function parseRule(table: RuleTable): Rule {
  const { users, groups, guests, methods, commands, paths, arguments: patterns, ...rest } = table;
  const parse: (source: string) => NamePattern = rest.action === "deny" ? parseLooseGlob : parseGlob;
  const lists = Object.entries({ users, groups, guests, methods, commands, paths });
  return {
    ...rest,
    isAboutUsers: isAboutUsers(table),
    names: Object.fromEntries(
      lists.flatMap(([key, list]) => (list === undefined ? [] : [[key, list.map(parse)]])),
    ),
    arguments: patterns && parseArguments(patterns, rest.action),
  };
}

function parseArguments(patterns: readonly string[], action: RuleTable["action"]): ArgumentPatterns {
  const isOpen = patterns.at(-1) === ANY_FURTHER;
  const named = isOpen ? patterns.slice(0, -1) : patterns;
  if (action === "allow") return { kind: "ordered", isOpen, globs: named.map(parseGlob) };
  return patterns.length === 0 ? { kind: "none" } : { kind: "some", globs: named.map(parseLooseGlob) };
}
