/** The words of the program itself, in the place of a role: `help`, `man`, `completion`. */
import { JSON_OPTION } from "../options.ts";
import { defineSubcommand } from "../subcommand.ts";
import type { RoleDefinition, Subcommand } from "../subcommand.ts";

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
      "With --json each line of the list is { name, section, title }. A page is printed as roff; to read " +
      "it, add: | man -l -",
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

/** `runProgram` runs them: they need no settings. */
function define(definition: Omit<Parameters<typeof defineSubcommand>[0], "run">): Subcommand {
  return defineSubcommand({ ...definition, run: () => ({ exitCode: 0 }) });
}
