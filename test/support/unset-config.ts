/** Makes a config in which every setting counts as a default. */
import type { Config } from "../../src/config/config.ts";
import type { Settings } from "../../src/config/settings.ts";

/** Returns such a config. A missing policy file then means no policy, as at its default path. */
export function unsetConfig(settings: Settings): Config {
  const file = { path: "/nonexistent", text: undefined };
  return { settings, origins: new Map([["policyFile", "default"]]), warnings: [], file };
}
