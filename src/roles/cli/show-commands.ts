/** The subcommand `check-commands`: shows the commands of this machine, and files that are not offered. */
import { NegotiatorError } from "../../errors.ts";
import { selectBuiltins } from "../../methods/builtin/builtins.ts";
import { listCommands } from "../../methods/commands.ts";
import { printable, printableJson } from "../../printable.ts";
import { createUserCache } from "../../process/user-cache.ts";
import { shellWord } from "../../shell-word.ts";
import { standardOutput } from "../../standard-output.ts";
import { ourUid } from "../../trust/ownership.ts";
import { checkLocally } from "../daemon/call-check.ts";
import { CommandReportSchema, reportCommands } from "../daemon/command-report.ts";
import type { CommandReport } from "../daemon/command-report.ts";
import { askDaemon } from "./ask-daemon.ts";
import { dialControl } from "./control-client.ts";
import { print } from "./output.ts";
import type { Invocation, Outcome } from "./subcommand.ts";

/** Prints the commands, and on stderr what is wrong. The exit code is 1 if something is. */
export async function showCommands(role: "host" | "guest", invocation: Invocation): Promise<Outcome> {
  const report = (await askReport(role, invocation)) ?? (await readReport(role, invocation));
  const { commands, problems, refusedNames } = report;
  const isJson = invocation.words.options.has("json");
  const lines = isJson ? commands.map((row) => printableJson(JSON.stringify(row))) : formatRows(commands);
  if (lines.length > 0) await print(lines.join("\n"));
  const wrong = [...problems, ...refusedNames.map(explainName)].flatMap((text) => text.split("\n"));
  if (wrong.length === 0) return { exitCode: 0 };
  await standardOutput.write("stderr", `negotiator: ${wrong.map(printable).join("\n")}\n`);
  return { exitCode: 1 };
}

/** Returns undefined when no daemon runs, and when this user may not ask it. */
async function askReport(
  role: "host" | "guest",
  { config, words }: Invocation,
): Promise<CommandReport | undefined> {
  // The user asks about the files of another config than that of the daemon.
  if (words.options.has("config")) return undefined;
  try {
    await using control = await dialControl(role, config.settings[role].control);
    return control && (await askDaemon(control, "check-commands", CommandReportSchema));
  } catch (thrown) {
    const { code } = NegotiatorError.from(thrown);
    if (code === "DENIED" || code === "UNKNOWN_METHOD") return undefined;
    throw thrown;
  }
}

/** Resolves with the commands by the files of the config, without the daemon. */
export async function readReport(role: "host" | "guest", { config }: Invocation): Promise<CommandReport> {
  const { commandsDirectory: directories, commandNames, builtIns } = config.settings;
  const uid = ourUid();
  const builtins = selectBuiltins(builtIns);
  const list = await listCommands({
    directories,
    builtins,
    uid,
    moreNames: commandNames,
    ...checkLocally(role),
  });
  return reportCommands(list, createUserCache(), uid);
}

function formatRows(commands: CommandReport["commands"]): string[] {
  const rows = commands.map(({ name, user, path }) => [
    printable(name),
    user === null ? "built in" : `as ${printable(user)}`,
    printable(path ?? ""),
  ]);
  const widthOf = (column: number): number => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0));
  const widths = [widthOf(0), widthOf(1)];
  return rows.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

function explainName(path: string): string {
  const allowed = "letters, digits, blanks, _-+@: and one ending of a script language";
  return (
    `Cannot offer the file "${path}": a command's name has ${allowed}\n` +
    `Rename it: mv ${shellWord(path)} NEW-NAME, or allow its name with the setting commandNames`
  );
}
