/** Defines the subcommand `policy`. */
import { defineSubcommand } from "./subcommand.ts";
import type { Subcommand } from "./subcommand.ts";

/** The subcommand of a role. */
export function createPolicyCommand(role: "host" | "guest"): Subcommand {
  return defineSubcommand({
    summary: "Write a first policy that allows what the audit says was called.",
    args: {
      action: { type: "positional", description: "init: make the policy's file" },
      since: {
        type: "string",
        valueHint: "when",
        description: "Only calls since then, as for audit",
      },
      yes: { type: "boolean", alias: "y", description: "Write the file without a question" },
      force: { type: "boolean", description: "Replace a file that is there" },
    },
    notes:
      "ACTION is init. It shows the policy, asks, and writes the file of the setting policyFile. Without a " +
      "terminal it prints the policy, and says on standard error how to install it. A daemon uses it " +
      `after: negotiator ${role} reload`,
    examples: [`negotiator ${role} policy init`, `negotiator ${role} policy init --since 7d --yes`],
    run: async (invocation) => (await import("./init-policy.ts")).initPolicy(role, invocation),
  });
}
