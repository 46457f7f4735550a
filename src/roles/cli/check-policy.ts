/** `check-policy`: what the policy would say to a call, and why. */
import { findPolicyFile } from "../../config/config.ts";
import { decide, explain } from "../../policy/policy.ts";
import { readPolicy } from "../../policy/policy-file.ts";
import type { PolicyRequest } from "../../policy/rule.ts";
import { printable } from "../../printable.ts";
import { print } from "./output.ts";
import type { Invocation, Outcome } from "./subcommand.ts";

/** Throws `BAD_CONFIG` when the policy cannot be used: then a daemon denies everything. */
export function checkPolicy({ config }: Invocation, request: PolicyRequest): Outcome {
  const policy = readPolicy(findPolicyFile(config));
  print(explain(policy, request).map(printable).join("\n"));
  return { exitCode: decide(policy, request).allowed ? 0 : 1 };
}
