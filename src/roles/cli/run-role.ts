/**
 * Runs the command line of a role: finds the subcommand, reads its words once, and runs it with its settings.
 */
import type { Config, ConfigSources } from "../../config/config.ts";
import { FAULTS, NegotiatorError } from "../../errors.ts";
import { configureLog } from "../../log.ts";
import type { DialectTable } from "../../peers/dialect-table.ts";
import { checkSeconds } from "./call-limits.ts";
import type { CalledNames } from "./default-remedy.ts";
import { formatRoleHelp, formatSubcommandHelp } from "./help.ts";
import { explainNoForm, readOptionForm } from "./option-form.ts";
import type { FormLine } from "./option-form.ts";
import { optionOf, optionSettings } from "./option-settings.ts";
import { COMMON_OPTIONS } from "./options.ts";
import { printable } from "../../printable.ts";
import { print } from "./output.ts";
import { runInvocation } from "./subcommand.ts";
import type { Invocation, Outcome, RoleDefinition, Subcommand } from "./subcommand.ts";
import { checkPositionals, readWords } from "./tokenizer.ts";
import type { Grammar, Words } from "./tokenizer.ts";
import { usageError } from "./usage.ts";
import { shellLine, shellWord } from "../../shell-word.ts";

/** Parts of the program that its entry passes to the subcommands; `dialects` are its own by default. */
export type RoleParts = { dialects?: DialectTable | undefined; manual?: Invocation["manual"] };

/** Runs `argv`, the words after the role. Throws `NegotiatorError`. */
export async function runRole(
  role: RoleDefinition,
  argv: readonly string[],
  parts: RoleParts = {},
): Promise<Outcome> {
  const [first, ...rest] = argv;
  if (first === "--help" || first === "-h") return print(formatRoleHelp(role));
  if (first === "--version" || first === "-V")
    return print((await import("../../version.ts")).formatVersion());
  if (first !== undefined && isSubcommand(role, first)) {
    try {
      const words = readWords(rest, grammarOf(role, first));
      return await runSubcommand(role, { subcommand: first, words }, parts);
    } catch (thrown) {
      const exitCode = findSubcommand(role, first).errorExit?.(rest);
      if (exitCode === undefined) throw thrown;
      return { exitCode, error: NegotiatorError.from(thrown) };
    }
  }
  const lines = readOptionForm(argv, role.optionForm, (word) => isSubcommand(role, word));
  if (lines === "help") return print(formatRoleHelp(role));
  if (lines !== undefined) return runLines(role, lines, parts);
  throw wrongStart(role, argv);
}

/** The error for words without a subcommand at their start. */
function wrongStart(role: RoleDefinition, argv: readonly string[]): NegotiatorError {
  const name = `negotiator ${role.role}`;
  const [first] = argv;
  const index = argv.findIndex((word) => isSubcommand(role, word));
  if (index === -1 && first !== undefined && /^--?[^-]/.test(first))
    return explainNoForm(argv, role.optionForm, (word) => isSubcommand(role, word));
  if (first === undefined || index <= 0 || !first.startsWith("-"))
    return usageError("subcommand", first, Object.keys(role.subCommands), `${name} --help`);
  const words = [...argv.slice(index, index + 1), ...argv.slice(0, index), ...argv.slice(index + 1)];
  return new NegotiatorError("BAD_USAGE", `"${printable(first)}" stands before the subcommand`, {
    remedy: `Write options after it: ${name} ${shellLine(words)}`,
  });
}

/** Runs one line after the other; the first that fails ends it. */
async function runLines(
  role: RoleDefinition,
  lines: readonly FormLine[],
  parts: RoleParts,
): Promise<Outcome> {
  let outcome: Outcome = { exitCode: 0 };
  for (const line of lines) {
    outcome = await runSubcommand(role, line, parts);
    if (outcome.exitCode !== 0) return outcome;
  }
  return outcome;
}

async function runSubcommand(
  role: RoleDefinition,
  { subcommand: name, words }: FormLine,
  parts: RoleParts,
): Promise<Outcome> {
  const subcommand = findSubcommand(role, name);
  if (words.options.has("help"))
    return print(formatSubcommandHelp(`negotiator ${role.role} ${name}`, subcommand));
  checkSeconds(words);
  checkPositionals(words, grammarOf(role, name));
  const named = namesIn(words, subcommand);
  try {
    // Help needs neither the settings nor valibot.
    const { loadConfig, loadConfigLate, readConfigLate } = await import("../../config/config.ts");
    const file = words.options.get("config")?.at(-1);
    const readFile = await readConfigLate(file);
    const load = (given: ConfigSources = { file, readFile }): Config => {
      const { help } = grammarOf(role, name);
      const config = loadConfig({
        ...given,
        flags: (below) => optionSettings({ role: role.role, help }, words, below),
        optionOf,
        help,
        checkedBy: `negotiator ${role.role} check-config${
          file === undefined ? "" : ` --config ${shellWord(file)}`
        }`,
      });
      configureLog(config.settings.log);
      return config;
    };
    const loaded = loadFor(subcommand, load);
    const outcome = await runInvocation(subcommand, {
      words,
      ...loaded,
      reload: () =>
        loadConfigLate(loaded.config.file.path, (readAgain) => load({ file, readFile: readAgain })),
      ...(parts.dialects === undefined ? {} : { dialects: parts.dialects }),
      manual: parts.manual,
    });
    return outcome.error === undefined
      ? outcome
      : { ...outcome, error: await complete(outcome.error, role, named) };
  } catch (thrown) {
    const error = await complete(thrown, role, named);
    if (subcommand.hasForeignExit !== true) throw error;
    return { exitCode: FAULTS[error.code].exitCode, error };
  }
}

/** Returns the config, or its problem with the defaults for a subcommand that runs all the same. */
function loadFor(
  { badConfigNote, takesBadConfig }: Subcommand,
  load: (given?: ConfigSources) => Config,
): Pick<Invocation, "config" | "configProblem"> {
  try {
    return { config: withNote(() => load(), badConfigNote) };
  } catch (thrown) {
    const configProblem = NegotiatorError.from(thrown);
    if (configProblem.code !== "BAD_CONFIG" || takesBadConfig === undefined) throw thrown;
    const environment = takesBadConfig === "file" ? {} : { environment: {} };
    return { config: load({ file: "/dev/null", ...environment }), configProblem };
  }
}

function withNote(load: () => Config, note: string | undefined): Config {
  try {
    return load();
  } catch (thrown) {
    const { code, message, cause } = NegotiatorError.from(thrown);
    if (code !== "BAD_CONFIG" || note === undefined) throw thrown;
    throw new NegotiatorError(code, `${message}\n${note}`, { cause });
  }
}

/** Loads the remedies only when something has failed. */
async function complete(
  thrown: unknown,
  { role }: RoleDefinition,
  names: CalledNames,
): Promise<NegotiatorError> {
  const { addRemedy } = await import("./default-remedy.ts");
  return addRemedy(NegotiatorError.from(thrown), role, names);
}

function namesIn({ positionals }: Words, { args }: Subcommand): CalledNames {
  const declared = Object.keys(args).filter((key) => args[key]?.type === "positional");
  const wordOf = (key: string): string | undefined => positionals[declared.indexOf(key)];
  return {
    guest: wordOf("guest"),
    command: wordOf("command"),
    args: positionals.slice(declared.length),
  };
}

function grammarOf(role: RoleDefinition, name: string): Grammar {
  const { args, restAfter, repeatsLast, omitsFirst } = findSubcommand(role, name);
  return {
    args: { ...args, ...COMMON_OPTIONS },
    help: `negotiator ${role.role} ${name} --help`,
    ...(restAfter === undefined ? {} : { restAfter }),
    ...(repeatsLast === undefined ? {} : { repeatsLast }),
    ...(omitsFirst === undefined ? {} : { omitsFirst }),
  };
}

/** A word such as `constructor` is not a subcommand, though every object has that member. */
function isSubcommand({ subCommands }: RoleDefinition, word: string): boolean {
  return Object.hasOwn(subCommands, word);
}

function findSubcommand({ subCommands }: RoleDefinition, name: string): Subcommand {
  const found = Object.hasOwn(subCommands, name) ? subCommands[name] : undefined;
  if (found === undefined) throw new NegotiatorError("INTERNAL", `No subcommand is called "${name}"`);
  return found;
}
