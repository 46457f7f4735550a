/** Defines the subcommand `check-config`. */
import { defineSubcommand } from "./subcommand.ts";
import type { Invocation, Subcommand } from "./subcommand.ts";

/**
 * The subcommand of a role. `checkMore` returns the problems of settings that only this role can judge.
 */
export function createCheckConfig(
  role: "host" | "guest",
  checkMore: (invocation: Invocation) => Promise<string[]>,
): Subcommand {
  return defineSubcommand({
    summary: "Look for mistakes in the config and the policy, before a reload.",
    args: {},
    notes:
      "Reads the files as a daemon would, and changes nothing. Also looks whether the users of the policy " +
      "exist, and says when a running daemon has not read the files as they are. Exit code: 0 if the files " +
      "are right, 1 with all that is wrong.",
    examples: [`negotiator ${role} check-config && negotiator ${role} reload`],
    run: async (invocation) => {
      const { checkConfig } = await import("./judge-config.ts");
      return checkConfig(role, invocation, await checkMore(invocation));
    },
  });
}
