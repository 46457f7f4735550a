/** One rule of a policy: its keys, and whether it matches a call. */
import * as v from "valibot";
import { identifyCaller } from "./caller.ts";
import type { Caller } from "./caller.ts";
import { parseGlob } from "./glob.ts";
import type { Glob } from "./glob.ts";
import { MemoryMaxBytes, TasksMax } from "./resource-limits.ts";
import type { Resource } from "./resource.ts";

/** The call to decide on: who asks, by which method, and for what. */
export type PolicyRequest = { caller: Caller; method: string; resource: Resource };

/** A condition of a rule that a call does not meet. Returns it in words, which repeat the call's values. */
export type Mismatch = () => string;

/**
 * Returns a function that returns the first condition of a rule that the call does not meet, or undefined if
 * the rule matches. It looks through each argument once, however many rules it gets.
 */
export function createMatcher(request: PolicyRequest): (rule: Rule) => Mismatch | undefined {
  const { caller, method, resource } = request;
  const { guest, uuid } = identifyCaller(caller);
  const command = resource.kind === "command" ? resource : undefined;
  const parents: number[] = [];
  const parentsOf = (index: number, argument: string): number => (parents[index] ??= countParents(argument));
  return (rule) =>
    findUuidMismatch(rule.uuids, uuid?.toLowerCase()) ??
    findNameMismatch("guest", rule.guests, guest) ??
    findNameMismatch("method", rule.methods, method) ??
    findNameMismatch("command", rule.commands, command?.name) ??
    findArgumentMismatch(rule, command?.args, parentsOf);
}

function findUuidMismatch(
  uuids: readonly string[] | undefined,
  uuid: string | undefined,
): Mismatch | undefined {
  if (uuids === undefined) return undefined;
  if (uuid === undefined) return () => "the peer has no uuid";
  return uuids.includes(uuid) ? undefined : () => `the uuid ${quote(uuid)} is not in its list`;
}

function findNameMismatch(
  what: "guest" | "method" | "command",
  globs: readonly Glob[] | undefined,
  name: string | undefined,
): Mismatch | undefined {
  if (globs === undefined) return undefined;
  if (name === undefined)
    return () => (what === "guest" ? "the peer has no guest name" : `there is no ${what}`);
  if (globs.some((glob) => glob.matches(name))) return undefined;
  return () => `the ${what} ${quote(name)} is none of ${globs.map(({ source }) => quote(source)).join(", ")}`;
}

function findArgumentMismatch(
  rule: Rule,
  args: readonly string[] | undefined,
  parentsOf: (index: number, argument: string) => number,
): Mismatch | undefined {
  if (rule.arguments === undefined) return undefined;
  if (args === undefined) return () => "there is no command";
  const { isOpen, globs } = rule.arguments;
  if (isOpen ? args.length < globs.length : args.length !== globs.length) {
    return () => `${args.length} arguments instead of ${globs.length}${isOpen ? " or more" : ""}`;
  }
  for (const [index, glob] of globs.entries()) {
    const argument = args[index] ?? "";
    const place = (): string => `argument ${index + 1} ${quote(argument)}`;
    if (!glob.matches(argument)) return () => `${place()} is not ${quote(glob.source)}`;
    // A denying rule must not be careful: a caller could avoid it by such an argument.
    if (rule.action === "deny") continue;
    if (glob.startsWild && argument.startsWith("-"))
      return () => `${place()} starts with a "-" that ${quote(glob.source)} does not name`;
    if (parentsOf(index, argument) > countParents(glob.source))
      return () => `${place()} has a ".." that ${quote(glob.source)} does not name`;
  }
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

function quote(text: string): string {
  return JSON.stringify(text);
}

const EMPTY_LIST = "an empty list matches nothing; leave the key out to match everything";

const NameGlobs = v.optional(
  v.pipe(
    v.array(v.pipe(v.string(), v.minLength(1, "an empty pattern matches nothing"), v.transform(parseGlob))),
    v.minLength(1, EMPTY_LIST),
  ),
);

const Uuids = v.optional(
  v.pipe(v.array(v.pipe(v.string(), v.uuid(), v.toLowerCase())), v.minLength(1, EMPTY_LIST)),
);

const ANY_FURTHER = "...";
const Arguments = v.optional(
  v.pipe(
    v.array(v.string()),
    v.check(
      (patterns) => !patterns.slice(0, -1).includes(ANY_FURTHER),
      '"..." must be the last; write \\... for an argument that is three dots',
    ),
    v.transform((patterns) => {
      const isOpen = patterns.at(-1) === ANY_FURTHER;
      return { isOpen, globs: (isOpen ? patterns.slice(0, -1) : patterns).map(parseGlob) };
    }),
  ),
);

const NOT_A_USER = `not a user's name; write one such as "backup"`;

const UNIT_MS = { second: 1000, minute: 60_000, hour: 3_600_000 } as const;
const RateText = v.pipe(
  v.string(),
  v.regex(
    /^[1-9]\d{0,5}\/(?:second|minute|hour)$/,
    (issue) => `${issue.received} is not a rate; write for example "10/minute" (second, minute, hour)`,
  ),
  v.transform((text) => {
    const [calls, unit] = text.split("/");
    return {
      calls: Number(calls),
      perMs: unit === "second" || unit === "hour" ? UNIT_MS[unit] : UNIT_MS.minute,
    };
  }),
);

const MAX_TIMEOUT_SECONDS = 7 * 24 * 3600;
const MEANINGLESS_KEYS = {
  deny: ["user", "timeoutSeconds", "memoryMaxBytes", "tasksMax", "concurrency", "rate"],
  allow: ["reason"],
} as const;

/** A table of `[[rules]]` in the policy's file, checked; patterns, rates and uuids are parsed. */
export const RuleSchema = v.pipe(
  v.strictObject({
    action: v.picklist(["allow", "deny"]),
    guests: NameGlobs,
    uuids: Uuids,
    methods: NameGlobs,
    commands: NameGlobs,
    arguments: Arguments,
    user: v.optional(v.pipe(v.string(), v.regex(/^[A-Za-z_][\w.-]*\$?$/, NOT_A_USER))),
    timeoutSeconds: v.optional(v.pipe(v.number(), v.gtValue(0), v.maxValue(MAX_TIMEOUT_SECONDS))),
    memoryMaxBytes: v.optional(MemoryMaxBytes),
    tasksMax: v.optional(TasksMax),
    concurrency: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
    rate: v.optional(RateText),
    reason: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(200))),
  }),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const rule = dataset.value;
    for (const key of MEANINGLESS_KEYS[rule.action]) {
      if (rule[key] === undefined) continue;
      const message = `has no meaning in a rule whose action is "${rule.action}"; remove it`;
      addIssue({
        message,
        path: [{ type: "object", origin: "value", input: { ...rule }, key, value: rule[key] }],
      });
    }
  }),
);

/** A parsed rule. */
export type Rule = v.InferOutput<typeof RuleSchema>;
