/** What both command lines share: finding the subcommand, its settings, help, and the exit code. */
import { runCommand } from "citty";
import type { CommandDef } from "citty";
import { loadConfig } from "../../config/config.ts";
import type { Config } from "../../config/config.ts";
import { FAULTS, NegotiatorError } from "../../errors.ts";
import { configureLog, LOG_FORMATS, shiftLevel } from "../../log.ts";
import { printable } from "../../printable.ts";
import type { Settings, SettingsLayer } from "../../config/settings.ts";
import { formatRoleHelp, formatSubcommandHelp } from "./help.ts";
import { readLegacyForm } from "./option-form.ts";
import { checkPositionals, COMMON_OPTIONS, readWords, spellOut } from "./options.ts";
import type { Words } from "./options.ts";
import { print } from "./output.ts";
import type { Outcome, RoleDefinition, Subcommand } from "./subcommand.ts";
import { usageError } from "./usage.ts";

/** Runs a role's command line. Throws `NegotiatorError`. */
export async function runRole(definition: RoleDefinition, words: readonly string[]): Promise<Outcome> {
  const name = `negotiator ${definition.role}`;
  const [first, ...rest] = words;
  if (first === "--help" || first === "-h") return print(formatRoleHelp(definition));
  const subcommand = first === undefined ? undefined : ownSubcommand(definition, first);
  if (subcommand === undefined) {
    const lines = readLegacyForm(
      words,
      definition.legacyOptions,
      (word) => ownSubcommand(definition, word) !== undefined,
    );
    if (lines !== undefined) return runLines(definition, lines);
  }
  if (first === undefined || subcommand === undefined) {
    throw usageError("subcommand", first, Object.keys(definition.subcommands), `${name} --help`);
  }
  return runSubcommand(definition, first, subcommand, rest);
}

/** One after the other; the first that fails ends it. */
async function runLines(definition: RoleDefinition, lines: readonly string[][]): Promise<Outcome> {
  let outcome: Outcome = { exitCode: 0 };
  for (const line of lines) {
    outcome = await runRole(definition, line);
    if (outcome.exitCode !== 0) return outcome;
  }
  return outcome;
}

async function runSubcommand(
  role: RoleDefinition,
  name: string,
  subcommand: Subcommand,
  rest: readonly string[],
): Promise<Outcome> {
  const args = { ...subcommand.args, ...COMMON_OPTIONS };
  const fullName = `negotiator ${role.role} ${name}`;
  const { cutAfter } = subcommand;
  const grammar = { name: fullName, args, ...(cutAfter === undefined ? {} : { cutAfter }) };
  const words = readWords(rest, grammar);
  if (words.options.has("help")) return print(formatSubcommandHelp(fullName, subcommand));
  checkPositionals(words, grammar);
  const load = (): Config => {
    const config = loadConfig({
      file: words.options.get("config")?.at(-1),
      flags: (below) => flagSettings(role.role, words, below),
    });
    configureLog(config.settings.log);
    return config;
  };
  let outcome: Outcome = { exitCode: 0 };
  const command: CommandDef = {
    args,
    async run() {
      outcome = await subcommand.run({ words, config: load(), reload: load });
    },
  };
  try {
    await runCommand(command, { rawArgs: spellOut(words, args) });
    return outcome;
  } catch (thrown) {
    if (subcommand.hasForeignExit !== true) throw thrown;
    const error = NegotiatorError.from(thrown);
    return { exitCode: FAULTS[error.code].exitCode, error };
  }
}

/** The layer that the options make over the settings `below` them. */
function flagSettings(role: RoleDefinition["role"], words: Words, below: Settings): SettingsLayer {
  const steps = countOf(words, "verbose") - countOf(words, "quiet");
  const format = choiceOf(words, "log-format", LOG_FORMATS);
  const said = (option: string): string | undefined => words.options.get(option)?.at(-1);
  const timeout = said("timeout");
  const control = said("control");
  const connect = said("connect");
  const characterDevice = said("character-device");
  return {
    ...(timeout === undefined ? {} : { timeoutSeconds: readSeconds(timeout) }),
    log: {
      ...(steps === 0 ? {} : { level: shiftLevel(below.log.level, steps) }),
      ...(format === undefined ? {} : { format }),
    },
    [role]: {
      ...(control === undefined ? {} : { control }),
      ...(connect === undefined ? {} : { connect }),
      ...(characterDevice === undefined ? {} : { characterDevice }),
    },
  };
}

function choiceOf<T extends string>(words: Words, option: string, allowed: readonly T[]): T | undefined {
  const spoken = words.options.get(option)?.at(-1);
  const choice = allowed.find((candidate) => candidate === spoken);
  if (spoken !== undefined && choice === undefined) {
    throw usageError(`value of --${option}`, spoken, allowed, "--help");
  }
  return choice;
}

function readSeconds(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  throw new NegotiatorError("BAD_USAGE", `"${printable(text)}" is no number of seconds (see --help)`);
}

function countOf(words: Words, option: string): number {
  return words.options.get(option)?.length ?? 0;
}

/** A word such as `constructor` is no subcommand, though every object has it. */
function ownSubcommand({ subcommands }: RoleDefinition, word: string): Subcommand | undefined {
  return Object.hasOwn(subcommands, word) ? subcommands[word] : undefined;
}
