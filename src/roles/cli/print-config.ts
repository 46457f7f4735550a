/** The subcommand `print-config`: the settings in force, and the origin of each. */
import { settingAt } from "../../config/config.ts";
import { logFor } from "../../log.ts";
import { printable, printableJson } from "../../printable.ts";
import { print } from "./output.ts";
import { defineSubcommand } from "./subcommand.ts";
import type { Invocation, Outcome, Subcommand } from "./subcommand.ts";

const log = logFor("config");

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
    run: runPrintConfig,
  });
}

function runPrintConfig({ words, config }: Invocation): Promise<Outcome> {
  for (const warning of config.warnings) log.warn(warning);
  const rows = [...config.origins].map(([key, origin]) => ({
    key,
    origin,
    value: settingAt(config.settings, key),
  }));
  if (words.options.has("json")) {
    const members = rows.map(({ key, value, origin }) => [key, { value, origin }]);
    return print(printableJson(JSON.stringify(Object.fromEntries(members))));
  }
  const lines = rows.map(({ key, value, origin }) => [`${key} = ${JSON.stringify(value)}`, origin] as const);
  const width = Math.max(...lines.map(([setting]) => setting.length));
  return print(
    lines.map(([setting, origin]) => printable(`${setting.padEnd(width)}  # ${origin}`)).join("\n"),
  );
}
