/** Makes invocations of subcommands for tests in this process. */
import { DEFAULTS } from "../../src/config/settings.ts";
import type { Settings } from "../../src/config/settings.ts";
import type { Invocation } from "../../src/roles/cli/subcommand.ts";
import { unsetConfig } from "./unset-config.ts";

/** Returns an invocation with these settings and words. An option without a value is a switch. */
export function invocationOf(
  settings: Partial<Settings>,
  options: Readonly<Record<string, string | true>> = {},
  positionals: readonly string[] = [],
): Invocation {
  const config = unsetConfig({ ...DEFAULTS, ...settings });
  const values = Object.entries(options).map(
    ([name, value]) => [name, value === true ? [] : [value]] as const,
  );
  return {
    words: { options: new Map(values), positionals },
    config,
    reload: () => Promise.resolve(config),
  };
}
