/**
 * The command line of python-negotiator: actions are options, before or after the guest's name. The tokenizer
 * reads it by another table, and each action becomes the words of a subcommand.
 */
import type { ArgsDef } from "citty";
import { NegotiatorError } from "../../errors.ts";
import { printable } from "../../printable.ts";
import {
  COMMON_OPTIONS,
  CONTROL_OPTION,
  DEVICE_OPTION,
  EXECUTE_TIMEOUT_OPTIONS,
  FINDER_OPTIONS,
  NO_STDIN_OPTION,
} from "./options.ts";
import { readSeconds } from "./call-limits.ts";
import { splitWords } from "./shell-words.ts";
import { badUsage, LIST_GUESTS, tokenize, unknownOption } from "./tokenizer.ts";
import type { Grammar, Token, Words } from "./tokenizer.ts";
import { readHelp } from "./usage.ts";

/** The options of one role's option form. An option with the name of a subcommand is an action. */
export type OptionForm = {
  args: ArgsDef;
  /** The command that shows the help. */
  help: string;
  /** The actions that need the name of a guest. */
  guestActions: readonly string[];
};

/** One action: the subcommand that does it, and its words. */
export type FormLine = { subcommand: string; words: Words };

const SHARED = {
  ...COMMON_OPTIONS,
  ...CONTROL_OPTION,
  timeout: EXECUTE_TIMEOUT_OPTIONS.timeout,
  ...NO_STDIN_OPTION,
  execute: { type: "string", alias: "e" },
  daemon: { type: "boolean", alias: "d" },
} as const satisfies ArgsDef;

/** The options of the original `negotiator-host`. */
export const HOST_FORM: OptionForm = {
  help: "negotiator host --help",
  args: {
    ...SHARED,
    ...FINDER_OPTIONS,
    "list-guests": { type: "boolean", alias: "g" },
    "list-commands": { type: "boolean", alias: "c" },
  },
  guestActions: ["list-commands", "execute"],
};

/** The options of the original `negotiator-guest`. */
export const GUEST_FORM: OptionForm = {
  help: "negotiator guest --help",
  args: { ...SHARED, ...DEVICE_OPTION, "list-commands": { type: "boolean", alias: "l" } },
  guestActions: [],
};

/**
 * Returns one line for each action, in their order, or `"help"` when argv asks for help. Returns undefined
 * for argv that is not an option form: a subcommand stands before all actions, an option is unknown, or
 * there are no actions. Throws `BAD_USAGE` for a missing or surplus word or value.
 */
export function readOptionForm(
  argv: readonly string[],
  form: OptionForm,
  isSubcommand: (word: string) => boolean,
): FormLine[] | "help" | undefined {
  const grammar: Grammar = { args: form.args, help: form.help, allowsAbbreviation: true };
  const actions: OptionToken[] = [];
  const options: OptionToken[] = [];
  const positionals: string[] = [];
  let asksForHelp = false;
  for (const token of tokenize(argv, grammar)) {
    if (token.kind === "unknown") return undefined;
    if (token.kind === "positional") {
      if (actions.length === 0 && !asksForHelp && isSubcommand(token.word)) return undefined;
      positionals.push(token.word);
    } else if (token.name === "help") asksForHelp = true;
    else (isSubcommand(token.name) ? actions : options).push(token);
  }
  if (asksForHelp) return "help";
  if (actions.length === 0) return undefined;
  checkGuest(positionals, actions, form, grammar);
  return actions.map((action) => toLine(action, options, positionals, form));
}

/**
 * Returns the `BAD_USAGE` error for words that begin with an option and are not an option form: an option is
 * unknown, or no action is there.
 */
export function explainNoForm(
  argv: readonly string[],
  form: OptionForm,
  isSubcommand: (word: string) => boolean,
): NegotiatorError {
  const grammar: Grammar = { args: form.args, help: form.help, allowsAbbreviation: true };
  for (const token of tokenize(argv, grammar)) {
    if (token.kind === "unknown") return unknownOption(token.flag, grammar);
  }
  const [option = ""] = argv
    .filter((word) => word.startsWith("-"))
    .map((word) => word.split("=", 1)[0] ?? "");
  const actions = Object.keys(form.args).filter(isSubcommand);
  return new NegotiatorError("BAD_USAGE", `missing action: ${printable(option)} does nothing alone`, {
    remedy: `Add one of: ${actions.map((name) => `--${name}`).join(", ")}\n${readHelp(form.help)}`,
  });
}

type OptionToken = Extract<Token, { kind: "option" }>;

/** A surplus word must be refused, because it could be a part of the command that lost its quotes. */
function checkGuest(
  positionals: readonly string[],
  actions: readonly OptionToken[],
  { guestActions }: OptionForm,
  grammar: Grammar,
): void {
  const needsGuest = actions.some(({ name }) => guestActions.includes(name));
  if (needsGuest && positionals.length === 0)
    throw badUsage("missing GUEST", grammar, `Write: negotiator host -e "COMMAND" GUEST\n${LIST_GUESTS}`);
  const surplus = positionals[needsGuest ? 1 : 0];
  if (surplus === undefined) return;
  const isExecute = actions.some(({ name }) => name === "execute");
  const remedy = 'Write the command and its arguments as one word: -e "COMMAND ARG..."';
  throw badUsage(`surplus word "${printable(surplus)}"`, grammar, isExecute ? remedy : undefined);
}

/** The seconds of the original. Its timeout was the limit of everything, so it is that of reaching a peer. */
const DEFAULT_SECONDS = "10";

function timeoutsOf(seconds = DEFAULT_SECONDS): [string, string[]][] {
  readSeconds("--timeout", seconds);
  return [
    ["timeout", [seconds]],
    ["connect-timeout", [seconds]],
  ];
}

function toLine(
  { name: subcommand, value }: OptionToken,
  options: readonly OptionToken[],
  guest: readonly string[],
  { guestActions }: OptionForm,
): FormLine {
  const command = subcommand === "execute" ? splitWords(value) : [];
  const positionals = [...(guestActions.includes(subcommand) ? guest : []), ...command];
  // The original ignored a timeout of other actions.
  const hasTimeout = subcommand === "execute" || subcommand === "list-commands";
  const used = options.filter(({ name }) => name !== "timeout" || hasTimeout);
  const values = Map.groupBy(used, ({ name }) => name);
  const read = [...values].map(([name, said]): [string, string[]] => [name, said.map(({ value }) => value)]);
  // The original sent no input, and its loops over lists rely on that. So `-n` changes nothing here.
  if (subcommand === "execute") read.push(["no-stdin", [""]]);
  if (hasTimeout) read.push(...timeoutsOf(values.get("timeout")?.at(-1)?.value));
  return { subcommand, words: { options: new Map(read), positionals } };
}
