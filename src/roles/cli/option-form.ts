/**
 * The command line of python-negotiator: actions are options, before or after the guest's name. The tokenizer
 * reads it by another table, and each action becomes the words of a subcommand.
 */
import type { ArgsDef } from "citty";
import { printable } from "../../printable.ts";
import { COMMON_OPTIONS, CONTROL_OPTION, DEVICE_OPTION, FINDER_OPTIONS, TIMEOUT_OPTION } from "./options.ts";
import { splitWords } from "./shell-words.ts";
import { badUsage, tokenize } from "./tokenizer.ts";
import type { Grammar, Token, Words } from "./tokenizer.ts";

/** The options of one role's option form. Those that name a subcommand are its actions. */
export type OptionForm = {
  args: ArgsDef;
  /** The actions that are about a guest, which must be named. */
  guestActions: readonly string[];
};

/** One action: the subcommand that does it, and its words. */
export type FormLine = { subcommand: string; words: Words };

const ACTIONS = ["list-guests", "list-commands", "execute", "daemon"] as const;

const SHARED = {
  ...COMMON_OPTIONS,
  ...CONTROL_OPTION,
  ...TIMEOUT_OPTION,
  execute: { type: "string", alias: "e" },
  daemon: { type: "boolean", alias: "d" },
} as const satisfies ArgsDef;

/** `negotiator-host` as the original had it. */
export const HOST_FORM: OptionForm = {
  args: {
    ...SHARED,
    ...FINDER_OPTIONS,
    "list-guests": { type: "boolean", alias: "g" },
    "list-commands": { type: "boolean", alias: "c" },
  },
  guestActions: ["list-commands", "execute"],
};

/** `negotiator-guest` as the original had it. */
export const GUEST_FORM: OptionForm = {
  args: { ...SHARED, ...DEVICE_OPTION, "list-commands": { type: "boolean", alias: "l" } },
  guestActions: [],
};

/**
 * The lines that do what argv asks for, in its order; `"help"` when it asks for help. Undefined when argv is
 * not an option form: a subcommand stands before all actions, an option is unknown, or there is no action.
 * Throws `BAD_USAGE` for a word or value that is missing or too many.
 */
export function readOptionForm(
  argv: readonly string[],
  form: OptionForm,
  isSubcommand: (word: string) => boolean,
): FormLine[] | "help" | undefined {
  const grammar: Grammar = { args: form.args, help: "--help", allowsAbbreviation: true };
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
    else (isAction(token.name) ? actions : options).push(token);
  }
  if (asksForHelp) return "help";
  if (actions.length === 0) return undefined;
  checkGuest(positionals, actions, form, grammar);
  return actions.map((action) => toLine(action, options, positionals, form));
}

type OptionToken = Extract<Token, { kind: "option" }>;

function isAction(name: string): boolean {
  return ACTIONS.some((action) => action === name);
}

/** A word that no action takes must not become a part of a command. */
function checkGuest(
  positionals: readonly string[],
  actions: readonly OptionToken[],
  { guestActions }: OptionForm,
  grammar: Grammar,
): void {
  const needsGuest = actions.some(({ name }) => guestActions.includes(name));
  if (needsGuest && positionals.length === 0) throw badUsage("missing GUEST", grammar);
  const surplus = positionals[needsGuest ? 1 : 0];
  if (surplus !== undefined) throw badUsage(`surplus word "${printable(surplus)}"`, grammar);
}

function toLine(
  { name: subcommand, value }: OptionToken,
  options: readonly OptionToken[],
  guest: readonly string[],
  { guestActions }: OptionForm,
): FormLine {
  const command = subcommand === "execute" ? splitWords(value) : [];
  const positionals = [...(guestActions.includes(subcommand) ? guest : []), ...command];
  const values = Map.groupBy(options, ({ name }) => name);
  const read = [...values].map(([name, said]) => [name, said.map((token) => token.value)] as const);
  return { subcommand, words: { options: new Map(read), positionals } };
}
