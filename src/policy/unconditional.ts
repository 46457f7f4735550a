/** Finds the rules of a guest's policy that allow more than their writer may have thought of. */
import type { Policy } from "./policy.ts";
import { nameRule } from "./rule.ts";
import type { Rule } from "./rule.ts";

/** Returns whether a rule has no condition, so that it matches every call of the other side. */
export function matchesEveryCall(rule: Rule): boolean {
  return (
    !rule.isAboutUsers &&
    Object.keys(rule.names).length === 0 &&
    rule.uuids === undefined &&
    rule.arguments === undefined
  );
}

/** Returns a line for each rule that allows every call: also those of the guest agent's clients. */
export function findUnconditional(policy: Policy): string[] {
  if (policy.kind !== "rules") return [];
  return policy.rules.flatMap((rule, index) => {
    if (rule.action === "deny" || !matchesEveryCall(rule)) return [];
    const name = nameRule(rule, index + 1);
    const what = "also each program and file that a client of the guest agent names";
    return [`${name} allows everything, ${what}; allow only what is needed, by methods and paths`];
  });
}
