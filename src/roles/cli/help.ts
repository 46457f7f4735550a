/**
 * Makes help texts from the command tree, at most 80 columns wide. citty's own usage does not wrap lines, and
 * has no room for examples.
 */
import type { ArgsDef } from "citty";
import { COMMON_OPTIONS } from "./options.ts";
import type { RoleDefinition, Subcommand } from "./subcommand.ts";
import { aliasesOf, formatUsage } from "./tokenizer.ts";

const COLUMNS = 80;
/** The start of the second column. A longer first column moves its text to the next line. */
const TEXT_COLUMN = 28;

/** Returns the help of the program: `words` stand in the place of a role. */
export function formatProgramHelp(
  roles: readonly RoleDefinition[],
  words: Readonly<Record<string, Subcommand>>,
): string {
  const usage = roles.map(
    ({ role }) => `  negotiator ${role} SUBCOMMAND [OPTION...]`.padEnd(45) + PLACES[role],
  );
  const own = Object.entries(words);
  return sections([
    wrap(PROGRAM_SUMMARY, 0),
    [
      "Usage:",
      ...usage,
      ...own.map(([name, one]) => `  ${formatUsage(`negotiator ${name}`, one)}`),
      VERSION_USAGE,
    ].join("\n"),
    wrap(
      "Called as negotiator-host or negotiator-guest (a link will do), it takes the role from its name.",
      0,
    ),
    `Subcommands:\n${formatRows(own.map(([name, { summary }]): Row => [name, summary]))}`,
    formatExamples([
      ...roles.map(({ role }) => `negotiator ${role} --help`),
      ...own.flatMap(([, { examples }]) => examples.slice(-1)),
    ]),
  ]);
}

const PROGRAM_SUMMARY =
  "Run commands of KVM/QEMU guests from their host, and the host's from its guests, over virtio-serial: " +
  "no network, no keys.";

const PLACES: Record<RoleDefinition["role"], string> = { host: "on the hypervisor", guest: "in a guest" };

const VERSION_USAGE = "  negotiator --version | --help";

/** Returns the help of a role: its subcommands, and an example of each of the first ones. */
export function formatRoleHelp(definition: RoleDefinition): string {
  const name = `negotiator ${definition.role}`;
  const rows = Object.entries(definition.subCommands).map(([word, { summary }]): Row => [word, summary]);
  const examples = Object.values(definition.subCommands)
    .slice(0, ROLE_EXAMPLES)
    .flatMap((subcommand) => subcommand.examples.slice(0, 1));
  return sections([
    wrap(definition.summary, 0),
    `Usage:\n  ${name} SUBCOMMAND [OPTION...]\n  ${name} SUBCOMMAND --help`,
    `Subcommands:\n${formatRows(rows)}`,
    formatExamples(examples),
  ]);
}

/** More would push the list of subcommands off a screen. */
const ROLE_EXAMPLES = 5;

/**
 * Returns the help of a subcommand; `fullName` is for example `negotiator host execute`. `common` are the
 * options that it has besides its own.
 */
export function formatSubcommandHelp(
  fullName: string,
  subcommand: Subcommand,
  common: ArgsDef = COMMON_OPTIONS,
): string {
  const options = { ...subcommand.args, ...common };
  return sections([
    wrap(subcommand.summary, 0),
    `Usage:\n  ${formatUsage(fullName, subcommand)}`,
    ...(subcommand.notes ?? "").split("\n\n").map((paragraph) => wrap(paragraph, 0)),
    `Options:\n${formatRows(optionRows(options))}`,
    formatExamples(subcommand.examples),
  ]);
}

/** A line of a table: what is explained, and the text. */
export type Row = [left: string, text: string];

/** Returns the rows of the options in `args`. */
export function optionRows(args: ArgsDef): Row[] {
  return Object.entries(args)
    .filter(([, arg]) => arg.type !== "positional")
    .map(([name, arg]): Row => {
      const short = aliasesOf(arg).map((alias) => `-${alias}, `);
      const hint = arg.type === "string" ? ` ${(arg.valueHint ?? "value").toUpperCase()}` : "";
      return [`${short.join("")}--${name}${hint}`, arg.description ?? ""];
    });
}

function formatExamples(examples: readonly string[]): string {
  return examples.length === 0 ? "" : `Examples:\n${examples.map((example) => `  ${example}`).join("\n")}`;
}

function formatRows(rows: readonly Row[]): string {
  return rows
    .map(([left, text]) => {
      const start = `  ${left}`;
      const body = wrap(text, TEXT_COLUMN);
      if (start.length < TEXT_COLUMN) return `${start.padEnd(TEXT_COLUMN)}${body}`.trimEnd();
      return `${start}\n${" ".repeat(TEXT_COLUMN)}${body}`.trimEnd();
    })
    .join("\n");
}

/**
 * Breaks `text` at blanks so that, indented by `indent` after the first line, it stays within the columns.
 */
function wrap(text: string, indent: number): string {
  const lines: string[] = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line !== "" && indent + line.length + 1 + word.length > COLUMNS) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.join(`\n${" ".repeat(indent)}`);
}

function sections(parts: readonly string[]): string {
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}
