/** Runs `help`, `man` and `completion`. */
import { printable } from "../../../printable.ts";
import { formatProgramHelp, formatRoleHelp, formatSubcommandHelp } from "../help.ts";
import { HELP_OPTION } from "../options.ts";
import { print } from "../output.ts";
import type { Outcome } from "../subcommand.ts";
import { badUsage, checkPositionals, readWords } from "../tokenizer.ts";
import { usageError } from "../usage.ts";
import { PROGRAM_SUBCOMMANDS, PROGRAM_WORDS } from "./program.ts";
import type { ProgramWord, Roles } from "./program.ts";

/** Runs one of them; `rest` stands after it. Throws `BAD_USAGE` for wrong words. */
export async function runProgram(word: ProgramWord, rest: readonly string[], roles: Roles): Promise<Outcome> {
  const subcommand = PROGRAM_SUBCOMMANDS[word];
  const grammar = {
    ...subcommand,
    args: { ...subcommand.args, ...HELP_OPTION },
    help: `negotiator ${word} --help`,
  };
  const words = readWords(rest, grammar);
  if (words.options.has("help")) return print(helpOfWord(word));
  checkPositionals(words, grammar);
  const [first] = words.positionals;
  if (word === "help") return print(helpOf(words.positionals, roles));
  if (word === "completion")
    return print((await import("./completion-script.ts")).completionScript(first ?? ""));
  return (await import("./show-page.ts")).showPage(first, roles, words.options.has("json"));
}

function helpOf([first, ...rest]: readonly string[], roles: Roles): string {
  if (first === undefined) return formatProgramHelp(roles, PROGRAM_SUBCOMMANDS);
  const word = PROGRAM_WORDS.find((known) => known === first);
  const role = roles.find((one) => one.role === first);
  const [name, surplus] = role === undefined ? [first, rest[0]] : rest;
  if (surplus !== undefined)
    throw badUsage(`surplus word "${printable(surplus)}"`, { help: "negotiator help --help" });
  if (word !== undefined) return helpOfWord(word);
  if (role !== undefined && name === undefined) return formatRoleHelp(role);
  const asked = role === undefined ? roles : [role];
  const pages = asked.flatMap((one) => {
    const found = Object.entries(one.subCommands).find(([key]) => key === name)?.[1];
    return found === undefined ? [] : [formatSubcommandHelp(`negotiator ${one.role} ${name}`, found)];
  });
  if (pages.length > 0) return pages.join("\n");
  const known = [
    ...(role === undefined ? [...roles.map((one) => one.role), ...PROGRAM_WORDS] : []),
    ...asked.flatMap((one) => Object.keys(one.subCommands)),
  ];
  throw usageError(
    "subcommand",
    name,
    [...new Set(known)],
    `negotiator ${role?.role ?? ""} --help`.replace("  ", " "),
  );
}

function helpOfWord(word: ProgramWord): string {
  return formatSubcommandHelp(`negotiator ${word}`, PROGRAM_SUBCOMMANDS[word], HELP_OPTION);
}
