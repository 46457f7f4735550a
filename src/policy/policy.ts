/** Decides whether a peer may make a call: who, which method, which command, which arguments. Pure; the file is read elsewhere. */
import * as v from "valibot";
import { parseGlob } from "./glob.ts";
import type { Glob } from "./glob.ts";
import type { QuotaLimits } from "./quota.ts";
import { parseStrictToml } from "../strict.ts";

/**
 * The call to decide on. `peer` is who the channel says it is; the host, as a guest sees it, has neither name nor uuid.
 * `command` is missing where the method runs none; `args` are the command's.
 */
export type PolicyRequest = {
  peer: { guest?: string | undefined; uuid?: string | undefined };
  method: string;
  command?: string | undefined;
  args: readonly string[];
};

/** The rules count from 1 in the order of the file. `reason` may be shown to the peer. */
export type Decision =
  | ({ allowed: true; rule: number | "default"; user?: string; timeoutMs?: number } & QuotaLimits)
  | { allowed: false; rule: number | "no-match" | "invalid"; reason: string };

/** Made by `parsePolicy`, `denyAll`, or `DEFAULT_POLICY`. */
export type Policy =
  { kind: "default" } | { kind: "invalid"; problem: string } | { kind: "rules"; rules: readonly Rule[] };

/** Without a policy file everything that is offered may be called. */
export const DEFAULT_POLICY: Policy = { kind: "default" };

/** What stands in for a policy that cannot be read: nothing may be called until it can. `problem` is for the administrator only. */
export function denyAll(problem: string): Policy {
  return { kind: "invalid", problem };
}

/**
 * Reads a policy: TOML with `[[rules]]`, where the first rule that fits decides and no rule means denied. A rule fits
 * when all the conditions that it has hold; one without conditions fits every call.
 *
 * - `action` is `"allow"` or `"deny"`, and the only key that must be there.
 * - `guests`, `methods`, `commands` are lists of globs (see `parseGlob`), `uuids` one of whole uuids: one of the list must
 *   fit. A peer without a name fits no `guests`, a call without a command no `commands` and no `arguments`.
 * - `arguments` has one glob for each argument, in order, and as many as there are arguments; `[]` means none. A last
 *   `"..."` stands for any further arguments, or none. In an allowing rule wildcards are careful: one at the start of a
 *   glob does not fit an argument that starts with `-`, and none stands for a `..` between slashes; spell them out.
 * - An allowing rule may have `user` (whom to run as), `timeoutSeconds`, `concurrency` (calls at once), and `rate`, such as
 *   `"10/minute"` (also second, hour); a denying rule may have `reason`.
 *
 * Throws `BAD_CONFIG` with one line for each problem; `source` names the file in it.
 */
export function parsePolicy(text: string, source = "the policy"): Policy {
  return { kind: "rules", rules: parseStrictToml(PolicySchema, text, source).rules };
}

export function decide(policy: Policy, request: PolicyRequest): Decision {
  if (policy.kind === "default") return { allowed: true, rule: "default" };
  if (policy.kind === "invalid") {
    return { allowed: false, rule: "invalid", reason: "the policy cannot be read, so nothing is allowed" };
  }
  const index = policy.rules.findIndex((rule) => mismatch(rule, request) === undefined);
  const rule = policy.rules[index];
  if (rule === undefined)
    return { allowed: false, rule: "no-match", reason: "no rule of the policy allows it" };
  const number = index + 1;
  if (rule.action === "deny") {
    return { allowed: false, rule: number, reason: rule.reason ?? "a rule of the policy denies it" };
  }
  const { user, timeoutSeconds, concurrency, rate } = rule;
  return {
    allowed: true,
    rule: number,
    ...(user === undefined ? {} : { user }),
    ...(timeoutSeconds === undefined ? {} : { timeoutMs: timeoutSeconds * 1000 }),
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(rate === undefined ? {} : { rate }),
  };
}

/** Whether some arguments would let this peer execute the command: what is worth offering to it. */
export function mayEverExecute(policy: Policy, peer: PolicyRequest["peer"], command: string): boolean {
  if (policy.kind !== "rules") return policy.kind === "default";
  for (const rule of policy.rules) {
    const { arguments: patterns, ...conditions } = rule;
    if (
      mismatch({ ...conditions, arguments: undefined }, { peer, method: "execute", command, args: [] }) !==
      undefined
    )
      continue;
    if (rule.action === "allow") return true;
    if (patterns === undefined) return false;
  }
  return false;
}

/** The way to the decision, a line for each rule up to the deciding one. Quoted values may hold anything but line ends. */
export function explain(policy: Policy, request: PolicyRequest): string[] {
  const decision = decide(policy, request);
  if (policy.kind === "default") return ["allowed: there is no policy, so everything offered may be called"];
  if (policy.kind === "invalid") return [...policy.problem.split("\n"), formatDecision(decision)];
  const decided = typeof decision.rule === "number" ? decision.rule : policy.rules.length;
  const steps = policy.rules.slice(0, decided).map((rule, index) => {
    const why = mismatch(rule, request);
    return `rule ${index + 1} (${rule.action}): ${why === undefined ? "fits" : `does not fit, ${why}`}`;
  });
  return [...steps, formatDecision(decision)];
}

function formatDecision(decision: Decision): string {
  if (!decision.allowed) return `denied: ${decision.reason}`;
  const { user, timeoutMs, concurrency, rate } = decision;
  const limits = [
    user === undefined ? [] : [`as user ${user}`],
    timeoutMs === undefined ? [] : [`for ${timeoutMs / 1000} s`],
    concurrency === undefined ? [] : [`${concurrency} at once`],
    rate === undefined ? [] : [`${rate.calls} in ${rate.perMs / 1000} s`],
  ].flat();
  return ["allowed", ...limits].join(", ");
}

const NameGlobs = v.optional(
  v.pipe(
    v.array(v.pipe(v.string(), v.minLength(1, "an empty pattern fits nothing"), v.transform(parseGlob))),
    v.minLength(1, "an empty list fits nothing; leave the key out if it does not matter"),
  ),
);

const Uuids = v.optional(
  v.pipe(
    v.array(v.pipe(v.string(), v.uuid(), v.toLowerCase())),
    v.minLength(1, "an empty list fits nothing; leave the key out if it does not matter"),
  ),
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
type ArgumentPatterns = NonNullable<v.InferOutput<typeof Arguments>>;

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
const LIMITS = ["user", "timeoutSeconds", "concurrency", "rate"] as const;
const RuleSchema = v.pipe(
  v.strictObject({
    action: v.picklist(["allow", "deny"]),
    guests: NameGlobs,
    uuids: Uuids,
    methods: NameGlobs,
    commands: NameGlobs,
    arguments: Arguments,
    user: v.optional(v.pipe(v.string(), v.regex(/^[A-Za-z_][\w.-]*\$?$/, "not a user's name"))),
    timeoutSeconds: v.optional(v.pipe(v.number(), v.gtValue(0), v.maxValue(MAX_TIMEOUT_SECONDS))),
    concurrency: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
    rate: v.optional(RateText),
    reason: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(200))),
  }),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const rule = dataset.value;
    const strangers = rule.action === "deny" ? LIMITS : (["reason"] as const);
    for (const key of strangers) {
      if (rule[key] === undefined) continue;
      const message = `has no meaning in a rule whose action is "${rule.action}"; remove it`;
      addIssue({
        message,
        path: [{ type: "object", origin: "value", input: { ...rule }, key, value: rule[key] }],
      });
    }
  }),
);
type Rule = v.InferOutput<typeof RuleSchema>;

const PolicySchema = v.strictObject({ rules: v.optional(v.array(RuleSchema), []) });

/** The first condition of the rule that does not hold, in words; undefined when the rule fits. */
function mismatch(rule: Rule, request: PolicyRequest): string | undefined {
  const { peer, method, command } = request;
  const uuid = peer.uuid?.toLowerCase();
  if (rule.uuids !== undefined && (uuid === undefined || !rule.uuids.includes(uuid))) {
    return uuid === undefined ? "the peer has no uuid" : `the uuid ${quote(uuid)} is not in its list`;
  }
  return (
    outside("guest", rule.guests, peer.guest) ??
    outside("method", rule.methods, method) ??
    outside("command", rule.commands, command) ??
    (rule.arguments === undefined ? undefined : misfit(rule.arguments, request, rule.action === "allow"))
  );
}

function outside(
  what: string,
  globs: readonly Glob[] | undefined,
  name: string | undefined,
): string | undefined {
  if (globs === undefined) return undefined;
  if (name === undefined) return what === "guest" ? "the peer has no guest name" : `there is no ${what}`;
  if (globs.some((glob) => glob.matches(name))) return undefined;
  return `the ${what} ${quote(name)} is none of ${globs.map(({ source }) => quote(source)).join(", ")}`;
}

function misfit(
  { isOpen, globs }: ArgumentPatterns,
  { command, args }: PolicyRequest,
  isCareful: boolean,
): string | undefined {
  if (command === undefined) return "there is no command";
  if (isOpen ? args.length < globs.length : args.length !== globs.length) {
    return `${args.length} arguments instead of ${globs.length}${isOpen ? " or more" : ""}`;
  }
  for (const [index, glob] of globs.entries()) {
    const argument = args[index] ?? "";
    const place = `argument ${index + 1} ${quote(argument)}`;
    if (!glob.matches(argument)) return `${place} is not ${quote(glob.source)}`;
    if (!isCareful) continue;
    if (glob.startsWild && argument.startsWith("-")) {
      return `${place} starts with a "-" that ${quote(glob.source)} does not name`;
    }
    if (countParents(argument) > countParents(glob.source)) {
      return `${place} has a ".." that ${quote(glob.source)} does not name`;
    }
  }
  return undefined;
}

/** How often `..` stands alone, as in a path, also behind `=` or in front of `:`; `a..b` and `...` have none. */
function countParents(text: string): number {
  return [...text.matchAll(/(?<![\w.])\.\.(?![\w.])/g)].length;
}

function quote(text: string): string {
  return JSON.stringify(text);
}
