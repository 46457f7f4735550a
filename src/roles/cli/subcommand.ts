/** Defines subcommands: citty commands with a few more members. */
import { defineCommand } from "citty";
import type { ArgsDef, CommandContext, CommandDef } from "citty";
import type { Config } from "../../config/config.ts";
import type { NegotiatorError } from "../../errors.ts";
import type { DialectTable } from "../../peers/dialect-table.ts";
import type { Role } from "../../peers/dialect.ts";
import type { ManualFile } from "./manual/manual-file.ts";
import type { OptionForm } from "./option-form.ts";
import type { Words } from "./tokenizer.ts";

/** The words and settings that a subcommand is run with. */
export type Invocation = {
  words: Words;
  config: Config;
  /** Why the config cannot be used: then `config` has only the defaults. See `takesBadConfig`. */
  configProblem?: NegotiatorError | undefined;
  /** The dialects that peers may speak; those of the program by default. */
  dialects?: DialectTable;
  /** Reads the configuration again, under the same options. Never waits on this thread. */
  reload: () => Promise<Config>;
  /** Returns the program's manual pages and completions of shells. Only `main.ts` knows all roles of them. */
  manual?: (() => Promise<ManualFile[]>) | undefined;
};

/**
 * The result of a command line: our exit code, the error to show, and the signal to end by. `isStuck`:
 * something may wait for our input or output, so that the process does not end by itself.
 */
export type Outcome = {
  exitCode: number;
  error?: NegotiatorError;
  signal?: NodeJS.Signals;
  isStuck?: true;
};

/** A subcommand: its line in the help of the role, its options and words, and its code. */
export type SubcommandDefinition = {
  summary: string;
  args: ArgsDef;
  examples: readonly string[];
  /** A paragraph under the usage line of its help. */
  notes?: string;
  /** After this many positional words, everything else belongs to the remote command. */
  restAfter?: number;
  /** As in `Grammar`. */
  omitsFirst?: readonly string[];
  /** Its last positional word may be repeated. */
  repeatsLast?: true;
  /** The last line of the error for a config that cannot be used. */
  badConfigNote?: string;
  /** Its exit code is that of a remote command, so a failure of ours has the exit code of its fault. */
  hasForeignExit?: true;
  /** The exit code of its errors, wrong usage included, by its words; undefined for the usual ones. */
  errorExit?: (argv: readonly string[]) => number | undefined;
  /**
   * It also runs with a config that cannot be used, and gets the reason. `file`: only if the file is wrong,
   * not the environment.
   */
  takesBadConfig?: true | "file";
  run: (invocation: Invocation) => Promise<Outcome> | Outcome;
};

/** A subcommand in the command tree. */
export type Subcommand = Omit<CommandDef, "args"> & Omit<SubcommandDefinition, "run">;

/** Makes the citty command, which gets its invocation as citty's `data`. */
export function defineSubcommand({ run, ...definition }: SubcommandDefinition): Subcommand {
  const command = defineCommand({
    meta: { description: definition.summary },
    args: definition.args,
    run: ({ data }) => run(data),
  });
  return { ...command, ...definition };
}

/**
 * Runs the subcommand. citty's `runCommand` would first load node:util to read words, which takes longer than
 * all our code; ours are read already.
 */
export async function runInvocation(subcommand: Subcommand, data: Invocation): Promise<Outcome> {
  const context: Pick<CommandContext, "data"> = { data };
  // `defineSubcommand` makes `run` use nothing but the invocation.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const result: unknown = await subcommand.run?.(context as CommandContext);
  // `defineSubcommand` lets only an `Outcome` come out of `run`.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return result as Outcome;
}

/** The command tree of one role. */
export type RoleDefinition = {
  role: Role;
  summary: string;
  /** The original's command line of this role. */
  optionForm: OptionForm;
  subCommands: Readonly<Record<string, Subcommand>>;
};
