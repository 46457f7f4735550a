/** Defines the subcommand `check-commands`. */
import { CONTROL_OPTION, JSON_OPTION } from "./options.ts";
import { defineSubcommand } from "./subcommand.ts";
import type { Subcommand } from "./subcommand.ts";

/** The subcommand of a role. */
export function createCheckCommands(role: "host" | "guest"): Subcommand {
  return defineSubcommand({
    summary: "Show the commands of this machine, who runs them, and which files are not offered.",
    args: { ...JSON_OPTION, ...CONTROL_OPTION },
    notes:
      "Asks the running daemon. Without a daemon, and with --config, it reads the files itself. A user " +
      "of a policy rule comes before the one shown. With --json each line is { name, kind, user, path }. " +
      "Exit code: 0 if every executable file is offered, 1 with what is wrong.",
    examples: [`negotiator ${role} check-commands`],
    run: async (invocation) => (await import("./show-commands.ts")).showCommands(role, invocation),
  });
}
