/**
 * Decides whether a caller may make a call, and explains the decision. Pure; `policy-file.ts` reads the file.
 */
import { isLocalRoot } from "./caller.ts";
import type { Caller } from "./caller.ts";
import * as v from "valibot";
import type { QuotaLimits } from "./quota.ts";
import { createMatcher } from "./rule-match.ts";
import type { PolicyRequest } from "./rule-match.ts";
import { RuleSchema } from "./rule.ts";
import type { Rule } from "./rule.ts";
import { parseStrictToml } from "../strict/strict.ts";

/**
 * Rules are numbered from 1 in the order of the file. `no-match`: no rule matches. `invalid`: the policy
 * cannot be read. `default`: no policy file exists, or it does not decide on this local user. `reason` may be
 * shown to the caller.
 */
export type Decision =
  (Allowed & QuotaLimits) | { allowed: false; rule: number | "no-match" | "invalid"; reason: string };

type Allowed = {
  allowed: true;
  rule: number | "default";
  user?: string;
  timeoutMs?: number;
  /** Bounds of the command with all its processes. */
  memoryMaxBytes?: number;
  tasksMax?: number;
};

/** Made by `parsePolicy`, `denyAll`, or `DEFAULT_POLICY`. */
export type Policy =
  { kind: "default" } | { kind: "invalid"; problem: string } | { kind: "rules"; rules: readonly Rule[] };

/** The policy without a policy file: everything that is offered may be called. */
export const DEFAULT_POLICY: Policy = { kind: "default" };

/**
 * Returns a policy that denies everything, for a file that cannot be read. Only the administrator sees
 * `problem`.
 */
export function denyAll(problem: string): Policy {
  return { kind: "invalid", problem };
}

const PolicySchema = v.strictObject({ rules: v.optional(v.array(RuleSchema), []) });

/**
 * Parses a policy: TOML with `[[rules]]`. The first rule that matches decides; if none does, the call is
 * denied. A rule matches if all its conditions hold. A rule without conditions matches every call.
 *
 * - `action` is `"allow"` or `"deny"`. It is the only key that every rule must have.
 * - `users` and `groups` are lists of globs (see `parseGlob`). A rule that has one of them is about local
 *   users who call the other side, and matches no call of the other side. All other rules match only those.
 *   A user of whom the system does not say a name or the groups fits them in a rule that denies.
 * - `guests`, `methods` and `commands` are lists of globs, `uuids` is a list of complete uuids. One of the
 *   list must match. A caller without a name matches no `guests`; a call without a command matches no
 *   `commands` and no `arguments`. For a local user, `guests` is about the guest that is called.
 * - In an allowing rule `arguments` has one glob for each argument, in order. The numbers must be equal; `[]`
 *   means no arguments. A last `"..."` stands for any further arguments. A wildcard at the start of a glob
 *   does not match an argument that starts with `-`, and no wildcard matches a `..` between slashes. Write
 *   them out instead.
 * - In a denying rule all globs are loose (see `parseLooseGlob`). Each glob of `arguments` must match some
 *   argument, or its part before the first `=`, in any order; `[]` means no arguments, and `"..."` nothing.
 * - An allowing rule may have `user` (who runs the command), `timeoutSeconds`, `memoryMaxBytes` and
 *   `tasksMax` (bounds of the command with all its processes), `concurrency` (calls at once), and `rate`,
 *   such as `"10/minute"` (also second, hour). A denying rule may have `reason`.
 *
 * Throws `BAD_CONFIG` with one line for each problem; `source` names the file in it, and `remedy` is its last
 * line.
 */
export function parsePolicy(text: string, source = "the policy", remedy?: string): Policy {
  return { kind: "rules", rules: parseStrictToml(PolicySchema, text, source, remedy).rules };
}

/** Returns whether a policy has rules about local users. An invalid one may have had some. */
export function decidesOnUsers(policy: Policy): boolean {
  return (
    policy.kind === "invalid" || (policy.kind === "rules" && policy.rules.some((rule) => rule.isAboutUsers))
  );
}

/** Without rules about users, local users may call. Root may in any case: it could change the policy. */
function isUndecided(policy: Policy, { caller }: Pick<PolicyRequest, "caller">): boolean {
  if (policy.kind === "default" || isLocalRoot(caller)) return true;
  return caller.via === "local" && !decidesOnUsers(policy);
}

/** Returns the decision of the first matching rule, with the limits that the rule sets. */
export function decide(policy: Policy, request: PolicyRequest): Decision {
  if (policy.kind === "default" || isUndecided(policy, request)) return { allowed: true, rule: "default" };
  if (policy.kind === "invalid") {
    return { allowed: false, rule: "invalid", reason: "its policy has a mistake, so nothing is allowed" };
  }
  const { rules } = policy;
  const findMismatch = createMatcher(request);
  const index = rules.findIndex((rule) => findMismatch(rule) === undefined);
  const rule = rules[index];
  if (rule === undefined)
    return { allowed: false, rule: "no-match", reason: "no rule of the policy allows it" };
  const number = index + 1;
  if (rule.action === "deny") {
    return { allowed: false, rule: number, reason: rule.reason ?? "a rule of the policy denies it" };
  }
  const { user, timeoutSeconds, memoryMaxBytes, tasksMax, concurrency, rate } = rule;
  return {
    allowed: true,
    rule: number,
    ...(user === undefined ? {} : { user }),
    ...(timeoutSeconds === undefined ? {} : { timeoutMs: timeoutSeconds * 1000 }),
    ...(memoryMaxBytes === undefined ? {} : { memoryMaxBytes }),
    ...(tasksMax === undefined ? {} : { tasksMax }),
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(rate === undefined ? {} : { rate }),
  };
}

/**
 * Returns whether the policy lets this caller execute the command with some arguments, so that it may be
 * offered. `target` is what a local user calls.
 */
export function mayEverExecute(
  policy: Policy,
  caller: Caller,
  command: string,
  target?: PolicyRequest["target"],
): boolean {
  if (isUndecided(policy, { caller })) return true;
  if (policy.kind !== "rules") return false;
  const resource = { kind: "command", name: command, args: [] } as const;
  const findMismatch = createMatcher({ caller, target, method: "execute", resource });
  for (const rule of policy.rules) {
    if (findMismatch({ ...rule, arguments: undefined }) !== undefined) continue;
    if (rule.action === "allow") return true;
    if (deniesAllArguments(rule)) return false;
  }
  return false;
}

/**
 * Returns whether the policy lets this caller call the method, for the resource or, without one, for any.
 * `needsRule`: not without a rule that allows it.
 */
export function mayCall(
  policy: Policy,
  {
    caller,
    method,
    resource,
  }: Omit<PolicyRequest, "resource"> & { resource?: PolicyRequest["resource"] | undefined },
  needsRule: boolean,
): boolean {
  if (isUndecided(policy, { caller })) return !needsRule;
  if (resource !== undefined) return decide(policy, { caller, method, resource }).allowed;
  if (policy.kind !== "rules") return false;
  const findMismatch = createMatcher({ caller, method, resource: { kind: "none" } });
  for (const rule of policy.rules) {
    const { commands: _, paths: __, ...names } = rule.names;
    if (findMismatch({ ...rule, arguments: undefined, names }) !== undefined) continue;
    if (rule.action === "allow") return true;
    const isWhole = rule.names.commands === undefined && rule.names.paths === undefined;
    if (isWhole && rule.arguments === undefined) return false;
  }
  return false;
}

function deniesAllArguments({ arguments: patterns }: Rule): boolean {
  return patterns === undefined || (patterns.kind === "some" && patterns.globs.length === 0);
}

/**
 * Returns the steps to the decision: a line for each rule up to the deciding one, and then the decision.
 * Quoted values may contain any character except line ends.
 */
export function explain(policy: Policy, request: PolicyRequest): string[] {
  const decision = decide(policy, request);
  if (policy.kind === "default") return ["allowed: there is no policy, so everything offered may be called"];
  if (isLocalRoot(request.caller)) return ["allowed: root may always call the other side"];
  if (isUndecided(policy, request))
    return ["allowed: no rule has users or groups, so the policy does not decide on local users"];
  if (policy.kind === "invalid")
    return [...policy.problem.split("\n"), "denied: the policy has a mistake, so nothing is allowed"];
  const decided = typeof decision.rule === "number" ? decision.rule : policy.rules.length;
  const findMismatch = createMatcher(request);
  const steps = policy.rules.slice(0, decided).map((rule, index) => {
    const mismatch = findMismatch(rule);
    const verdict = mismatch === undefined ? "matches" : `does not match, ${mismatch()}`;
    const place = rule.place === undefined ? "" : `, ${rule.place}`;
    return `rule ${index + 1} (${rule.action}${place}): ${verdict}`;
  });
  return [...steps, formatDecision(decision)];
}

function formatDecision(decision: Decision): string {
  if (!decision.allowed) return `denied: ${decision.reason}`;
  const { user, timeoutMs, memoryMaxBytes, tasksMax, concurrency, rate } = decision;
  const limits = [
    user === undefined ? [] : [`as user ${user}`],
    timeoutMs === undefined ? [] : [`for ${timeoutMs / 1000} s`],
    memoryMaxBytes === undefined ? [] : [`with ${memoryMaxBytes} bytes of memory`],
    tasksMax === undefined ? [] : [`with ${tasksMax} processes`],
    concurrency === undefined ? [] : [`${concurrency} at once`],
    rate === undefined ? [] : [`${rate.calls} in ${rate.perMs / 1000} s`],
  ].flat();
  return ["allowed", ...limits].join(", ");
}
