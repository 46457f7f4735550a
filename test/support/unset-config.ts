/** Settings as the program has them where nobody has set anything: all defaults, the test's own among them. */
import type { Config } from "../../src/config/config.ts";
import type { Settings } from "../../src/config/settings.ts";

/** A policy file that is not there means no policy, as at its usual place; what the machine has there is not looked at. */
export function unsetConfig(settings: Settings): Config {
  return { settings, origins: new Map([["policyFile", "default"]]), warnings: [] };
}
