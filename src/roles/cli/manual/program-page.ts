/** The manual pages of the program and of its roles, from the definitions of the help. */
import type { ArgsDef } from "citty";
import { CONFIG_FILE } from "../../../config/config.ts";
import { DEFAULTS } from "../../../config/settings.ts";
import { optionRows } from "../help.ts";
import { COMMON_OPTIONS, HELP_OPTION } from "../options.ts";
import type { RoleDefinition, Subcommand } from "../subcommand.ts";
import { formatUsage } from "../tokenizer.ts";
import { PROGRAM_SUBCOMMANDS } from "./program.ts";
import type { Roles } from "./program.ts";
import { bold, escapeRoff, italic, literal, paragraph, tagged } from "./roff.ts";

/** Returns the body of the page of the program. */
export function formatProgramPage(roles: Roles): string {
  const own = Object.entries(PROGRAM_SUBCOMMANDS);
  return [
    ".SH SYNOPSIS",
    ...roles.map(({ role }) => synopsis(`negotiator ${role} SUBCOMMAND [OPTION...]`)),
    ...own.map(([name, subcommand]) => synopsis(formatUsage(`negotiator ${name}`, subcommand))),
    synopsis("negotiator --version | --help"),
    ".SH DESCRIPTION",
    paragraph(
      escapeRoff(
        "negotiator lets KVM/QEMU hosts and their Linux guests run each other's commands over " +
          "virtio-serial, without a network and without keys. One program has both roles. Called as " +
          "negotiator-host or " +
          "negotiator-guest, it takes the role from its name.",
      ),
    ),
    ...roles.map(({ role, summary }) => tagged(bold(`negotiator ${role}`), escapeRoff(summary))),
    ".SH SUBCOMMANDS",
    ...own.map(([name, subcommand]) => formatSubcommand(`negotiator ${name}`, subcommand, HELP_OPTION)),
    EXIT_STATUS,
    filesSection(),
  ].join("\n");
}

/** Returns the body of the page of a role. */
export function formatRolePage({ role, summary, subCommands, optionForm }: RoleDefinition): string {
  const name = `negotiator ${role}`;
  const form = Object.keys(optionForm.args).map((option) => `--${option}`);
  return [
    ".SH SYNOPSIS",
    synopsis(`${name} SUBCOMMAND [OPTION...]`),
    synopsis(`negotiator-${role} SUBCOMMAND [OPTION...]`),
    ".SH DESCRIPTION",
    paragraph(escapeRoff(summary)),
    paragraph(
      escapeRoff("The options of python-negotiator work too, in the place of a subcommand: ") +
        `${form.map(bold).join(", ")}.`,
    ),
    ".SH SUBCOMMANDS",
    ...Object.entries(subCommands).map(([word, subcommand]) =>
      formatSubcommand(`${name} ${word}`, subcommand),
    ),
    ".SH COMMON OPTIONS",
    paragraph("All subcommands have these options."),
    formatOptions(COMMON_OPTIONS),
    EXIT_STATUS,
    filesSection(),
  ].join("\n");
}

/** `options` stand besides its own. */
function formatSubcommand(fullName: string, subcommand: Subcommand, options: ArgsDef = {}): string {
  const { summary, notes, examples, args } = subcommand;
  return [
    `.SS ${escapeRoff(fullName)}`,
    synopsis(formatUsage(fullName, subcommand)),
    paragraph(escapeRoff(summary)),
    ...(notes?.split("\n\n").map((each) => paragraph(escapeRoff(each))) ?? []),
    formatOptions({ ...args, ...options }),
    ...(examples.length === 0 ? [] : [paragraph("Examples:"), literal(examples)]),
  ]
    .filter((part) => part !== "")
    .join("\n");
}

function formatOptions(args: ArgsDef): string {
  const words = Object.entries(args).flatMap(([key, arg]) =>
    arg.type === "positional" && arg.description !== undefined
      ? [tagged(bold((arg.valueHint ?? key).toUpperCase()), escapeRoff(arg.description))]
      : [],
  );
  const options = optionRows(args).map(([left, text]) => {
    const [, flags = left, value = ""] = /^(.*?--\S+)( .+)?$/.exec(left) ?? [];
    return tagged(`${bold(flags)}${italic(value)}`, escapeRoff(text));
  });
  return [...words, ...options].join("\n");
}

function synopsis(line: string): string {
  return `.PP\n${escapeRoff(line)}`;
}

const EXIT_STATUS = [
  ".SH EXIT STATUS",
  ...(
    [
      ["0", "Done."],
      ["1", "Failed."],
      ["2", "Wrong usage."],
    ] as const
  ).map(([code, text]) => tagged(bold(code), text)),
  paragraph(
    escapeRoff("execute, attach and wait have the exit code of the command, or the codes in their text."),
  ),
].join("\n");

function filesSection(): string {
  const { commandsDirectory, policyFile, host, guest, audit } = DEFAULTS;
  const rows = [
    [CONFIG_FILE, "Settings: negotiator.toml(5)."],
    [policyFile, "Policy: negotiator-policy(5)."],
    ...commandsDirectory.map((path) => [path, "Commands: negotiator-commands(7)."] as const),
    [host.control, "Control socket of the host's daemon."],
    [guest.control, "Control socket of the guest's daemon."],
    [audit.file, "Audit: negotiator-audit(5)."],
  ] as const;
  return [".SH FILES", ...rows.map(([path, text]) => tagged(bold(path), escapeRoff(text)))].join("\n");
}
