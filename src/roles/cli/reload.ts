/** Defines the subcommand `reload`. */
import { CONTROL_OPTION } from "./options.ts";
import { defineSubcommand } from "./subcommand.ts";
import type { Subcommand } from "./subcommand.ts";

/** The subcommand of a role. */
export function createReloadCommand(role: "host" | "guest"): Subcommand {
  return defineSubcommand({
    summary: "Make the daemon read the config and the policy again, and wait for the result.",
    args: CONTROL_OPTION,
    badConfigNote: "A running daemon goes on with the old settings",
    notes:
      "Exit code: 0 if the daemon uses the new files, 1 with what is wrong. With a wrong config the old " +
      "settings stay; with a wrong policy every call is denied until it is corrected. check-config looks " +
      "for mistakes before.",
    examples: [`negotiator ${role} reload`],
    run: async (invocation) => (await import("./ask-reload.ts")).askReload(role, invocation),
  });
}
