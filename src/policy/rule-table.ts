/** The keys of a table `[[rules]]` in the policy's file, and which of them make sense together. */
import * as v from "valibot";
import { MemoryMaxBytes, TasksMax } from "./resource-limits.ts";

const EMPTY_LIST = "an empty list matches nothing; leave the key out to match everything";

const Pattern = v.pipe(
  v.string(),
  v.check((text) => !text.includes("\0"), "a pattern with a NUL matches nothing"),
);

const Names = v.optional(
  v.pipe(
    v.array(v.pipe(Pattern, v.minLength(1, "an empty pattern matches nothing"))),
    v.minLength(1, EMPTY_LIST),
  ),
);

const Uuids = v.optional(
  v.pipe(v.array(v.pipe(v.string(), v.uuid(), v.toLowerCase())), v.minLength(1, EMPTY_LIST)),
);

/** Stands for any further arguments. */
export const ANY_FURTHER = "...";

const Arguments = v.optional(
  v.pipe(
    v.array(Pattern),
    v.check(
      (patterns) => !patterns.slice(0, -1).includes(ANY_FURTHER),
      '"..." must be the last; write \\... for an argument that is three dots',
    ),
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

/** Keys without a meaning in a rule about local users, each with what to do. */
const NOT_FOR_USERS = {
  user: "the other side decides who runs its commands; remove it",
  memoryMaxBytes: "the other side bounds its commands; remove it",
  tasksMax: "the other side bounds its commands; remove it",
  uuids: "name the called guest in guests",
} as const;

/** The methods that rules about local users decide on. All others are about the daemon itself. */
export const METHODS_OF_USERS = [
  "execute",
  "list-commands",
  "calls",
  "attach-call",
  "signal-call",
  "cancel-call",
] as const;

/** The methods of the other side that rules decide on. A guest also has those of its agent. */
export const METHODS_OF_PEERS = [
  "execute",
  "list-commands",
  "list-calls",
  "attach-command",
  "signal-command",
  "cancel-command",
  "info",
] as const;

const Table = v.strictObject({
  action: v.picklist(["allow", "deny"]),
  users: Names,
  groups: Names,
  guests: Names,
  uuids: Uuids,
  methods: Names,
  commands: Names,
  paths: Names,
  arguments: Arguments,
  user: v.optional(v.pipe(v.string(), v.regex(/^[A-Za-z_][\w.-]*\$?$/, NOT_A_USER))),
  timeoutSeconds: v.optional(v.pipe(v.number(), v.gtValue(0), v.maxValue(MAX_TIMEOUT_SECONDS))),
  memoryMaxBytes: v.optional(MemoryMaxBytes),
  tasksMax: v.optional(TasksMax),
  concurrency: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
  rate: v.optional(RateText),
  reason: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(200))),
});

/** A table with right values, whose patterns are not parsed. */
export type RuleTable = v.InferOutput<typeof Table>;

/** Checks one table. */
export const RuleTableSchema = v.pipe(
  Table,
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const rule = dataset.value;
    const refuse = (key: keyof RuleTable, message: string): void =>
      addIssue({
        message,
        path: [{ type: "object", origin: "value", input: { ...rule }, key, value: rule[key] }],
      });
    for (const key of MEANINGLESS_KEYS[rule.action]) {
      if (rule[key] !== undefined)
        refuse(key, `has no meaning in a rule whose action is "${rule.action}"; remove it`);
    }
    if (!isAboutUsers(rule)) return;
    for (const key of ["user", "uuids", "memoryMaxBytes", "tasksMax"] as const) {
      if (rule[key] !== undefined)
        refuse(key, `has no meaning in a rule with users or groups; ${NOT_FOR_USERS[key]}`);
    }
  }),
);

/** Returns whether a rule is about local users. All others are about the other side. */
export function isAboutUsers({ users, groups }: Pick<RuleTable, "users" | "groups">): boolean {
  return users !== undefined || groups !== undefined;
}
