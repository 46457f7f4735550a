/** Looks which commands of this machine cannot run, and why. */
import { shellWord } from "../../shell-word.ts";
import { walkLocally } from "../../process/mount-table.ts";
import { createUserCache } from "../../process/user-cache.ts";
import { readReport } from "../cli/show-commands.ts";
import type { CommandReport } from "../daemon/command-report.ts";
import { findLoneSettings, findModeFault, findPlainScripts, findStartFault } from "./broken-commands.ts";
import type { BrokenCommand } from "./broken-commands.ts";
import { defineCheck } from "./check.ts";
import { ok, warning } from "./finding.ts";

/** `lone`: settings of no command. `absent`: directories of the config that are not there. */
type OwnCommands = CommandReport & {
  broken: readonly BrokenCommand[];
  lone: readonly string[];
  absent: readonly string[];
};

/** The commands that this machine offers to the other side. */
export const CHECK_OWN_COMMANDS = defineCheck<OwnCommands>({
  name: "commands",
  async look({ role, invocation }) {
    const report = await readReport(role, invocation);
    const users = createUserCache();
    const offered = report.commands.map(async ({ path, user }) => {
      if (path === null) return [];
      const fault = findStartFault(path);
      if (fault !== undefined) return [fault];
      // The report has said that the user does not exist.
      const runner = user === null ? undefined : await users.find(user).catch(() => undefined);
      return runner === undefined ? [] : (findModeFault(path, runner) ?? []);
    });
    const { commandsDirectory: directories } = invocation.config.settings;
    const plain = await Promise.all(directories.map(findPlainScripts));
    const lone = await Promise.all(directories.map(findLoneSettings));
    const isOurs = invocation.config.origins.get("commandsDirectory") === "default";
    const absent = isOurs ? [] : directories.filter((path) => isAbsent(path));
    const broken = [...(await Promise.all(offered)).flat(), ...plain.flat()];
    return { ...report, broken, lone: lone.flat(), absent };
  },
  judge({ commands, problems, refusedNames, broken, lone, absent }, { role }) {
    const found = problems.map((text) => {
      const [first = "", ...rest] = text.split("\n");
      return warning(first, rest.join("\n") || `See all: negotiator ${role} check-commands`);
    });
    const unusable = broken.map(({ path, problem, remedy }) =>
      warning(`Cannot run "${path}": ${problem}`, remedy),
    );
    const names = refusedNames.map((path) =>
      warning(
        `"${path}" is not offered, because of its name`,
        `Rename it: mv ${shellWord(path)} NEW-NAME, or allow its name with the setting commandNames`,
      ),
    );
    const unused = lone.map((path) =>
      warning(
        `${path} has the settings of no command, so they count for none`,
        `Give it the name of its command, and ".toml": mv ${shellWord(path)} NAME.toml`,
      ),
    );
    const missing = absent.map((path) =>
      warning(
        `the directory ${path} of the setting commandsDirectory is not there`,
        `Make it, or correct the setting: mkdir -m 755 ${shellWord(path)}`,
      ),
    );
    const all = [...found, ...unusable, ...names, ...unused, ...missing];
    return all.length > 0 ? all : [ok(`${commands.length} can be called here`)];
  },
});

/** A look at a file system of another machine could take forever. */
function isAbsent(path: string): boolean {
  const place = walkLocally(path);
  return place !== undefined && place.status === undefined;
}
