/** The words of the program itself, in the place of a role: `help`, `man`, `completion`. */
import { formatProgramHelp, formatRoleHelp, formatSubcommandHelp } from "../help.ts";
import { HELP_OPTION, JSON_OPTION } from "../options.ts";
import { print } from "../output.ts";
import { defineSubcommand } from "../subcommand.ts";
import type { Outcome, RoleDefinition, Subcommand } from "../subcommand.ts";
import { badUsage, checkPositionals, readWords } from "../tokenizer.ts";
import { usageError } from "../usage.ts";
import { printable } from "../../../printable.ts";

/** The roles of the program, in the order of the help. */
export type Roles = readonly RoleDefinition[];

/** The words that stand in the place of a role. */
export const PROGRAM_WORDS = ["help", "man", "completion"] as const;

/** One of them. */
export type ProgramWord = (typeof PROGRAM_WORDS)[number];

/** Their definitions. */
export const PROGRAM_SUBCOMMANDS: Readonly<Record<ProgramWord, Subcommand>> = {
  help: define({
    summary: "Show the help of the program, of a role, or of a subcommand.",
    args: { word: { type: "positional", required: false, description: "A role, a subcommand, or both" } },
    repeatsLast: true,
    notes: "A subcommand without its role is shown for both roles.",
    examples: ["negotiator help", "negotiator help host execute", "negotiator help reload"],
  }),
  man: define({
    summary: "Print a manual page for man, or the list of all pages.",
    args: { page: { type: "positional", required: false, description: "Name of a page" }, ...JSON_OPTION },
    notes:
      "With --json each line of the list is { name, section, title }. A page is printed as roff; to read it, " +
      "add: | man -l -",
    examples: ["negotiator man", "negotiator man negotiator-host"],
  }),
  completion: define({
    summary: "Print the completion script for a shell.",
    args: { shell: { type: "positional", description: "bash, zsh or fish" } },
    notes:
      "Store it where the shell looks for completions. The names of guests, commands and calls come from " +
      "the daemon, if it answers within 0.1 seconds.",
    examples: ["negotiator completion bash", "negotiator completion zsh", "negotiator completion fish"],
  }),
};

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

/** `runProgram` runs them: they need no settings. */
function define(definition: Omit<Parameters<typeof defineSubcommand>[0], "run">): Subcommand {
  return defineSubcommand({ ...definition, run: () => ({ exitCode: 0 }) });
}
