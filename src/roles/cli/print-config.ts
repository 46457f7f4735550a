/** Defines the subcommand `print-config`. */
import { defineSubcommand } from "./subcommand.ts";
import type { Subcommand } from "./subcommand.ts";

/** The subcommand of a role; both roles have it. */
export function createPrintConfig(role: "host" | "guest"): Subcommand {
  return defineSubcommand({
    summary: "Show the settings in force, and the origin of each.",
    args: { json: { type: "boolean", description: "One JSON object: { KEY: { value, origin } }" } },
    notes:
      "A setting comes from the defaults, then /etc/negotiator/negotiator.toml (or --config FILE, or " +
      "the file that NEGOTIATOR_CONFIG names), then the environment (log.level is " +
      "NEGOTIATOR_LOG_LEVEL), then options; the last one wins.",
    examples: [
      `negotiator ${role} print-config`,
      `NEGOTIATOR_LOG_LEVEL=debug negotiator ${role} print-config --json`,
    ],
    run: async (invocation) => (await import("./show-config.ts")).showConfig(invocation),
  });
}
