/** Decides whether a rule matches a call, and says why not. */
import { identifyCaller } from "./caller.ts";
import type { Caller, LocalUser } from "./caller.ts";
import type { Glob } from "./glob.ts";
import type { Resource } from "./resource.ts";
import type { ArgumentPatterns, NameKey, NamePattern, Rule } from "./rule.ts";
import { listArguments } from "./text-list.ts";
import type { TextList } from "./text-list.ts";

/**
 * The call to decide on: who asks, by which method, and for what. `target` is the guest that a local user
 * calls; a guest's daemon passes calls on to the host, which has no name.
 */
export type PolicyRequest = {
  caller: Caller;
  method: string;
  resource: Resource;
  target?: { guest?: string | undefined } | undefined;
};

/** A condition of a rule that a call does not meet. Returns it in words, which repeat the call's values. */
export type Mismatch = () => string;

/**
 * Returns a function that returns the first condition of a rule that the call does not meet, or undefined if
 * the rule matches. It looks through each argument once, however many rules it gets.
 */
export function createMatcher(request: PolicyRequest): (rule: Rule) => Mismatch | undefined {
  const { caller, method, resource, target } = request;
  const { guest, uuid } = identifyCaller(caller);
  const user = caller.via === "local" ? caller : undefined;
  const args = resource.kind === "none" ? undefined : resource.args;
  const parents: number[] = [];
  let texts: TextList | undefined;
  const call: CallArguments = {
    args,
    parentsOf: (index, argument) => (parents[index] ??= countParents(argument)),
    texts: () => (texts ??= listArguments(args ?? [])),
  };
  return (rule) =>
    findSideMismatch(rule, user) ??
    findUuidMismatch(rule.uuids, uuid?.toLowerCase()) ??
    findUserMismatch(rule, user) ??
    findNameMismatch(rule, "guests", user === undefined ? guest : target?.guest) ??
    findNameMismatch(rule, "methods", method) ??
    findNameMismatch(rule, "commands", resource.kind === "command" ? resource.name : undefined) ??
    findNameMismatch(rule, "paths", resource.kind === "path" ? resource.path : undefined) ??
    findArgumentMismatch(rule, call) ??
    findVariableMismatch(rule, resource);
}

function findSideMismatch(rule: Rule, user: LocalUser | undefined): Mismatch | undefined {
  if (rule.isAboutUsers === (user !== undefined)) return undefined;
  return () => (rule.isAboutUsers ? "it is about local users" : "it has neither users nor groups");
}

function findUuidMismatch(
  uuids: readonly string[] | undefined,
  uuid: string | undefined,
): Mismatch | undefined {
  if (uuids === undefined) return undefined;
  if (uuid === undefined) return () => "the peer has no uuid";
  return uuids.includes(uuid) ? undefined : () => `the uuid ${quote(uuid)} is not in its list`;
}

/** A user of whom something is not known fits rules that deny, and does not fit those that allow. */
function findUserMismatch({ action, names }: Rule, user: LocalUser | undefined): Mismatch | undefined {
  if (user === undefined) return undefined;
  const { users, groups } = names;
  const whose =
    user.name === undefined ? `the user ${user.uid ?? "without a uid"}` : `the user ${quote(user.name)}`;
  if (users !== undefined && !hasName(users, user.name, action)) {
    return () =>
      user.name === undefined ? `${whose} has no known name` : `${whose} is none of ${list(users)}`;
  }
  if (groups === undefined) return undefined;
  const known = user.groups;
  if (known === undefined)
    return action === "deny" ? undefined : () => `the groups of ${whose} are not known`;
  const ids = new Set(user.groupIds?.map(String));
  const isMember =
    known.some((group) => hasName(groups, group, action)) ||
    // A wildcard is about names.
    groups.some(({ source }) => ids.has(source)) ||
    (action === "deny" && user.hasNamelessGroup === true);
  return isMember ? undefined : () => `${whose} is in none of ${list(groups)}`;
}

function hasName(
  patterns: readonly NamePattern[],
  name: string | undefined,
  action: Rule["action"],
): boolean {
  return name === undefined ? action === "deny" : patterns.some((pattern) => pattern.matches(name));
}

const WORDS = { guests: "guest", methods: "method", commands: "command", paths: "path" } as const;

function findNameMismatch(
  { names, isAboutUsers }: Rule,
  key: Exclude<NameKey, "users" | "groups">,
  name: string | undefined,
): Mismatch | undefined {
  const patterns = names[key];
  if (patterns === undefined) return undefined;
  const what = WORDS[key];
  if (name === undefined) {
    const who = isAboutUsers ? "the other side" : "the peer";
    return () => (what === "guest" ? `${who} has no guest name` : `there is no ${what}`);
  }
  if (patterns.some((pattern) => pattern.matches(name))) return undefined;
  return () => `the ${what} ${quote(name)} is none of ${list(patterns)}`;
}

/** The arguments of a call; undefined without a command or a path. */
type CallArguments = {
  args: readonly string[] | undefined;
  parentsOf: (index: number, argument: string) => number;
  texts: () => TextList;
};

function findArgumentMismatch(rule: Rule, call: CallArguments): Mismatch | undefined {
  const patterns = rule.arguments;
  if (patterns === undefined) return undefined;
  const { args } = call;
  if (args === undefined) return () => "there is no command";
  if (patterns.kind === "ordered") return findOrderedMismatch(patterns, args, call.parentsOf);
  if (patterns.kind === "none")
    return args.length === 0 ? undefined : () => `${args.length} arguments instead of 0`;
  const missing = patterns.globs.find((glob) => !glob.matchesSome(call.texts()));
  return missing && (() => `no argument is ${quote(missing.source)}`);
}

/** Variables such as `LD_PRELOAD` make any program do anything, so an allowing rule about one has none. */
function findVariableMismatch(
  { action, names, arguments: patterns }: Rule,
  resource: Resource,
): Mismatch | undefined {
  const variables = resource.kind === "path" ? (resource.variables ?? []) : [];
  const isAboutSome = names.paths !== undefined || patterns !== undefined;
  if (action === "deny" || !isAboutSome || variables.length === 0) return undefined;
  return () => `it allows no variables, and the call has ${list(variables.map((source) => ({ source })))}`;
}

function findOrderedMismatch(
  { isOpen, globs }: Extract<ArgumentPatterns, { kind: "ordered" }>,
  args: readonly string[],
  parentsOf: CallArguments["parentsOf"],
): Mismatch | undefined {
  if (isOpen ? args.length < globs.length : args.length !== globs.length) {
    return () => `${args.length} arguments instead of ${globs.length}${isOpen ? " or more" : ""}`;
  }
  for (const [index, glob] of globs.entries()) {
    const problem = findCarefulMismatch(glob, args[index] ?? "", (argument) => parentsOf(index, argument));
    if (problem !== undefined) return () => `argument ${index + 1} ${problem()}`;
  }
  return undefined;
}

/** In a rule that allows, a wildcard stands neither for an option nor for a way out of a directory. */
function findCarefulMismatch(
  glob: Glob,
  argument: string,
  parentsOf: (argument: string) => number,
): Mismatch | undefined {
  const shown = (): string => quote(argument);
  if (!glob.matches(argument)) return () => `${shown()} is not ${quote(glob.source)}`;
  if (glob.startsWild && argument.startsWith("-"))
    return () => `${shown()} starts with a "-" that ${quote(glob.source)} does not name`;
  if (parentsOf(argument) > countParents(glob.source))
    return () => `${shown()} has a ".." that ${quote(glob.source)} does not name`;
  return undefined;
}

/**
 * Counts each `..` that stands alone, as in a path, also after `=` or before `:`. `a..b` and `...` have none.
 */
function countParents(text: string): number {
  let count = 0;
  let end = 0;
  for (let at = text.indexOf(".."); at !== -1; at = text.indexOf("..", end)) {
    end = at + 2;
    while (text[end] === ".") end++;
    if (end === at + 2 && !isWordAt(text, at - 1) && !isWordAt(text, end)) count++;
  }
  return count;
}

function isWordAt(text: string, place: number): boolean {
  return /\w/.test(text.charAt(place));
}

function list(patterns: readonly Pick<NamePattern, "source">[]): string {
  return patterns.map(({ source }) => quote(source)).join(", ");
}

function quote(text: string): string {
  return JSON.stringify(text);
}
