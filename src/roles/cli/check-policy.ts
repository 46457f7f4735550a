/** The subcommand `check-policy`: shows how the policy decides a call, and by which rule. */
import { findPolicyFile } from "../../config/config.ts";
import { decide, explain } from "../../policy/policy.ts";
import { readPolicy } from "../../policy/policy-file.ts";
import type { PolicyRequest } from "../../policy/rule.ts";
import { printable } from "../../printable.ts";
import { print } from "./output.ts";
import type { Invocation, Outcome } from "./subcommand.ts";

/**
 * Prints the rules up to the one that decides. The exit code is 0 for allowed, 1 for denied. Throws
 * `BAD_CONFIG` for a policy that cannot be used, with which a daemon denies everything.
 */
export async function checkPolicy({ config }: Invocation, request: PolicyRequest): Promise<Outcome> {
  const policy = readPolicy(findPolicyFile(config));
  await print(explain(policy, request).map(printable).join("\n"));
  return { exitCode: decide(policy, request).allowed ? 0 : 1 };
}
