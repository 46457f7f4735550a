/** Compares the settings of the daemon with those that `doctor` sees. */
import { settingAt } from "../../config/config.ts";
import type { Config } from "../../config/config.ts";
import type { Role } from "../../peers/dialect.ts";
import { printable } from "../../printable.ts";
import { shellWord } from "../../shell-word.ts";
import type { FileStatus } from "../daemon/file-status.ts";
import { warning } from "./finding.ts";
import type { Found } from "./finding.ts";

/** The settings of a daemon, as its status has them. */
export type DaemonSettings = Pick<FileStatus, "configPath" | "setElsewhere">;

/** Many settings with one cause would hide the rest. */
const MOST_SETTINGS = 5;

/**
 * Returns a finding for another config of the daemon, and one for each setting that a variable or an option
 * gives only to the daemon. The other checks look at places that such a daemon does not use.
 */
export function findOtherSettings(
  { configPath, setElsewhere }: DaemonSettings,
  config: Config,
  role: Role,
): Found[] {
  const { path } = config.file;
  const look = `Look at its service: systemctl cat negotiator-${role}`;
  const found: Found[] = [];
  if (configPath !== undefined && configPath !== path)
    found.push(
      warning(
        `the daemon uses the config ${printable(configPath)}, and doctor looks at ${printable(path)}`,
        `Look at that: negotiator ${role} doctor --config ${shellWord(configPath)}\n` +
          `To let the daemon use this one, see its service: systemctl cat negotiator-${role}`,
      ),
    );
  for (const [key, { value, origin }] of Object.entries(setElsewhere)) {
    const ours = JSON.stringify(settingAt(config.settings, key));
    if (ours === value) continue;
    const from = origin === "option" ? "an option" : origin;
    found.push(
      warning(
        printable(`the daemon has ${key} = ${value} from ${from}, and doctor sees ${ours}`),
        `Set ${key} in ${printable(path)} instead. ${look}`,
      ),
    );
  }
  return found.slice(0, MOST_SETTINGS);
}
