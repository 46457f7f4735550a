/** Knows the commands that a policy names. */
import type { Policy } from "./policy.ts";

const named = new WeakMap<Policy, ReadonlySet<string>>();

/** Returns whether some rule has this command in its list, without wildcards. */
export function namesCommand(policy: Policy, command: string): boolean {
  const known = named.get(policy) ?? listCommands(policy);
  named.set(policy, known);
  return known.has(command);
}

function listCommands(policy: Policy): Set<string> {
  const rules = policy.kind === "rules" ? policy.rules : [];
  return new Set(rules.flatMap(({ names }) => names.commands?.map(({ source }) => source) ?? []));
}
