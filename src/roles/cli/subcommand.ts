/** What a subcommand is: declared words, a text for help, and what it does. */
import type { ArgsDef } from "citty";
import type { Config } from "../../config/config.ts";
import type { NegotiatorError } from "../../errors.ts";
import type { LegacyOptions } from "./option-form.ts";
import type { DialectTable } from "../../peers/dialect-table.ts";
import type { Words } from "./options.ts";

/** What a subcommand is given. */
export type Invocation = {
  words: Words;
  config: Config;
  /** The dialects that peers may speak; those of the program by default. */
  dialects?: DialectTable;
  /** Reads the configuration anew, under the same options. */
  reload: () => Config;
};

/** How a command line ended; `error` is what main tells the user, `signal` is what it is to end by. */
export type Outcome = { exitCode: number; error?: NegotiatorError; signal?: NodeJS.Signals };

/** A citty command and what citty cannot say about it. */
export type Subcommand = {
  summary: string;
  args: ArgsDef;
  examples: readonly string[];
  /** A paragraph under the usage line of its help. */
  notes?: string;
  /** After this many positional words the rest belongs to a foreign command. */
  cutAfter?: number;
  /** Its exit code is a foreign command's: a failure of ours, at whatever point, has the exit code of its fault. */
  hasForeignExit?: true;
  run: (invocation: Invocation) => Promise<Outcome> | Outcome;
};

export type RoleDefinition = {
  role: "host" | "guest";
  summary: string;
  /** The original's short options of this role: what each does, or that it takes a value. */
  legacyOptions: LegacyOptions;
  subcommands: Readonly<Record<string, Subcommand>>;
};
