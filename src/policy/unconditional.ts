/** Finds the rules of a guest's policy that allow more than their writer may have thought of. */
import type { Policy } from "./policy.ts";
import { nameRule } from "./rule.ts";

/** Returns a line for each rule that allows every call: also those of the guest agent's clients. */
export function findUnconditional(policy: Policy): string[] {
  if (policy.kind !== "rules") return [];
  return policy.rules.flatMap((rule, index) => {
    const hasCondition =
      rule.isAboutUsers ||
      Object.keys(rule.names).length > 0 ||
      rule.uuids !== undefined ||
      rule.arguments !== undefined;
    if (rule.action === "deny" || hasCondition) return [];
    const name = nameRule(rule, index + 1);
    const what = "also each program and file that a client of the guest agent names";
    return [`${name} allows everything, ${what}; allow only what is needed, by methods and paths`];
  });
}
