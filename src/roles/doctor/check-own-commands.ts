/** Looks which commands of this machine cannot run, and why. */
import { shellWord } from "../../shell-word.ts";
import { readReport } from "../cli/show-commands.ts";
import type { CommandReport } from "../daemon/command-report.ts";
import { findPlainScripts, findStartFault } from "./broken-commands.ts";
import type { BrokenCommand } from "./broken-commands.ts";
import { defineCheck } from "./check.ts";
import { ok, warning } from "./finding.ts";

type OwnCommands = CommandReport & { broken: readonly BrokenCommand[] };

/** The commands that this machine offers to the other side. */
export const CHECK_OWN_COMMANDS = defineCheck<OwnCommands>({
  name: "commands",
  async look({ role, invocation }) {
    const report = await readReport(role, invocation);
    const offered = report.commands.flatMap(({ path }) =>
      path === null ? [] : (findStartFault(path) ?? []),
    );
    const plain = await Promise.all(invocation.config.settings.commandsDirectory.map(findPlainScripts));
    return { ...report, broken: [...offered, ...plain.flat()] };
  },
  judge({ commands, problems, refusedNames, broken }, { role }) {
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
    const all = [...found, ...unusable, ...names];
    return all.length > 0 ? all : [ok(`${commands.length} can be called here`)];
  },
});
