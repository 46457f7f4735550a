/** Defines the subcommand `reexec`. */
import { CONTROL_OPTION } from "./options.ts";
import { defineSubcommand } from "./subcommand.ts";
import type { Subcommand } from "./subcommand.ts";

/** The subcommand of a role. */
export function createReexecCommand(role: "host" | "guest"): Subcommand {
  return defineSubcommand({
    summary: "Make the daemon replace itself by the program as it is installed now.",
    args: CONTROL_OPTION,
    badConfigNote: "A running daemon goes on with the old settings",
    notes:
      "For root, after an upgrade. Prints the new version. The process id stays. Exit code: 0 if the new " +
      "program serves, 1 with the reason if the old one goes on.",
    examples: [`negotiator ${role} reexec`],
    run: async (invocation) => (await import("./ask-reexec.ts")).askReexec(role, invocation),
  });
}
