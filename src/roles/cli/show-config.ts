/** Prints the settings in force, and the origin of each. */
import { settingAt } from "../../config/config.ts";
import { logFor } from "../../log.ts";
import { printable, printableJson } from "../../printable.ts";
import { print } from "./output.ts";
import type { Invocation, Outcome } from "./subcommand.ts";

const log = logFor("config");

/** Prints the settings, one per line or as JSON. Logs the warnings about the configuration. */
export function showConfig({ words, config }: Invocation): Promise<Outcome> {
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
