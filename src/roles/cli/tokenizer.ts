/**
 * Reads argv by a table of citty's `ArgsDef`, for both forms of the command line. Strict: every option must
 * be declared.
 */
import type { ArgDef, ArgsDef } from "citty";
import { NegotiatorError } from "../../errors.ts";
import { printable } from "../../printable.ts";
import { readHelp, usageError } from "./usage.ts";

/** The words that a command line may have. */
export type Grammar = {
  args: ArgsDef;
  /** The command that shows the help, for messages: `negotiator host execute --help`. */
  help: string;
  /** After this many positional words, everything else belongs to the remote command. */
  restAfter?: number;
  /** The first positional word is left out if one of these options stands before it. */
  omitsFirst?: readonly string[];
  /** Whether the last positional word may be repeated, with options between. */
  repeatsLast?: boolean;
  /** Whether a long option may be shortened to any beginning that only one option has. */
  allowsAbbreviation?: boolean;
};

/** One piece of argv, in its order. `value` is `""` for a switch. */
export type Token =
  | { kind: "option"; name: string; value: string }
  | { kind: "positional"; word: string }
  | { kind: "unknown"; flag: string };

/**
 * A command line as it was read: the values of each option in order (`""` for a switch), and the positional
 * words.
 */
export type Words = {
  options: ReadonlyMap<string, readonly string[]>;
  positionals: readonly string[];
};

/**
 * Yields the tokens of argv one by one. Throws `BAD_USAGE` for an option without its value, and for a switch
 * with one.
 */
export function* tokenize(argv: readonly string[], grammar: Grammar): Generator<Token, void, undefined> {
  const queue = [...argv];
  let positionals = 0;
  let isOmitted = false;
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (word === "--") break;
    if (word.startsWith("--")) {
      const token = readLong(word, queue, grammar);
      if (omitsFirst(token, grammar) && !isOmitted) {
        if (positionals > 0) throw badUsage(`option ${word} stands behind the first word`, grammar, FIRST);
        isOmitted = true;
        positionals++;
      }
      yield token;
    } else if (word.startsWith("-") && word.length > 1) {
      yield* readShort(word, queue, grammar);
    } else {
      yield { kind: "positional", word };
      positionals++;
    }
    if (positionals === grammar.restAfter) break;
  }
  for (const word of queue) yield { kind: "positional", word };
}

const FIRST = "Write it before all words, and leave GUEST out";

function omitsFirst(token: Token, { omitsFirst: names = [] }: Grammar): boolean {
  return token.kind === "option" && names.includes(token.name);
}

/** Reads the whole command line. Throws `BAD_USAGE` for an undeclared option, and as `tokenize` does. */
export function readWords(argv: readonly string[], grammar: Grammar): Words {
  const options = new Map<string, string[]>();
  const positionals: string[] = [];
  for (const token of tokenize(argv, grammar)) {
    if (token.kind === "unknown") throw unknownOption(token.flag, grammar);
    if (token.kind === "positional") positionals.push(token.word);
    else {
      const values = options.get(token.name) ?? [];
      values.push(token.value);
      options.set(token.name, values);
    }
  }
  return { options, positionals };
}

/** Throws `BAD_USAGE` when a declared positional word is missing, or there is one too many. */
export function checkPositionals({ positionals, options }: Words, grammar: Grammar): void {
  const isOmitted = grammar.omitsFirst?.some((name) => options.has(name)) === true;
  const declared = Object.entries(grammar.args)
    .filter(([, arg]) => arg.type === "positional")
    .slice(isOmitted ? 1 : 0);
  const missing = declared.slice(positionals.length).find(([, arg]) => arg.required !== false);
  const remedy = `Write: ${formatUsage(grammar.help.replace(/ --help$/, ""), grammar)}`;
  if (missing !== undefined) throw missingWord(missing[0], declared, positionals, grammar, remedy);
  const surplus = positionals[declared.length];
  if (surplus === undefined || grammar.restAfter !== undefined || grammar.repeatsLast === true) return;
  throw badUsage(`surplus word "${printable(surplus)}"`, grammar, remedy);
}

function missingWord(
  name: string,
  declared: readonly (readonly [name: string, arg: ArgDef])[],
  positionals: readonly string[],
  grammar: Grammar,
  remedy: string,
): NegotiatorError {
  // A caller who forgot the guest sees which word was taken for it.
  const [last] = declared[positionals.length - 1] ?? [];
  const word = printable(positionals.at(-1) ?? "");
  const after = last === undefined ? "" : ` after ${last.toUpperCase()} "${word}"`;
  const taken = `List the guests, as "${word}" was taken for a guest's name: negotiator host list-guests`;
  const more = name === "guest" ? `\n${LIST_GUESTS}` : last === "guest" ? `\n${taken}` : "";
  return badUsage(`missing ${name.toUpperCase()}${after}`, grammar, `${remedy}${more}`);
}

/** The remedy for a line without the name of a guest. */
export const LIST_GUESTS = "List the guests: negotiator host list-guests";

/** Returns the line of a subcommand: its full name, `[OPTION...]`, and the words that it takes. */
export function formatUsage(
  name: string,
  { args, restAfter, repeatsLast }: Pick<Grammar, "args" | "restAfter" | "repeatsLast">,
): string {
  const positionals = Object.entries(args).filter(([, arg]) => arg.type === "positional");
  const words = positionals.map(([key, arg]) => formatPositional(key, arg));
  const line = [name, "[OPTION...]", ...words, ...(restAfter === undefined ? [] : ["[ARG...]"])].join(" ");
  return repeatsLast === true ? `${line}...` : line;
}

function formatPositional(name: string, arg: ArgDef): string {
  const word = (arg.valueHint ?? name).toUpperCase();
  return arg.required === false ? `[${word}]` : word;
}

/** Returns a `BAD_USAGE` error. By default its remedy names the command that shows the help. */
export function badUsage(
  problem: string,
  { help }: Pick<Grammar, "help">,
  remedy: string = readHelp(help),
): NegotiatorError {
  return new NegotiatorError("BAD_USAGE", problem, { remedy });
}

/** Returns the letters of a declared option, without their dash. */
export function aliasesOf(arg: ArgDef): string[] {
  if (arg.type === "positional" || !("alias" in arg) || arg.alias === undefined) return [];
  return Array.isArray(arg.alias) ? arg.alias : [arg.alias];
}

/** `--name`, `--name value`, `--name=value`. */
function readLong(word: string, queue: string[], grammar: Grammar): Token {
  const [flag = "", ...rest] = word.split("=");
  const name = findLong(flag.slice(2), grammar);
  if (name === undefined) return { kind: "unknown", flag };
  return readValue(name, flag, rest.length > 0 ? rest.join("=") : undefined, queue, grammar);
}

/** `-vv`, `-t5`, `-t=5`, `-t 5`: letters up to the first that takes a value. */
function* readShort(word: string, queue: string[], grammar: Grammar): Generator<Token, void, undefined> {
  let at = 1;
  for (const letter of word.slice(1)) {
    const flag = `-${letter}`;
    const isFirst = at === 1;
    at += letter.length;
    const name = findShort(letter, grammar);
    if (name === undefined) {
      // A word whose first letter is already wrong is more likely a long option with one dash.
      yield { kind: "unknown", flag: isFirst ? word : flag };
      return;
    }
    if (isSwitch(grammar.args[name]) && word[at] !== "=") {
      yield readValue(name, flag, undefined, queue, grammar);
      continue;
    }
    const attached = at === word.length ? undefined : word.slice(at).replace(/^=/, "");
    yield readValue(name, flag, attached, queue, grammar);
    return;
  }
}

function readValue(
  name: string,
  flag: string,
  attached: string | undefined,
  queue: string[],
  grammar: Grammar,
): Token {
  if (isSwitch(grammar.args[name])) {
    if (attached !== undefined) throw badUsage(`option ${flag} takes no value`, grammar);
    return { kind: "option", name, value: "" };
  }
  const value = attached ?? queue.shift();
  if (value === undefined) {
    const needed = name === "config" ? "the path of a file" : "a value";
    throw badUsage(`option ${flag} needs ${needed}`, grammar);
  }
  return { kind: "option", name, value };
}

function findLong(given: string, { args, allowsAbbreviation = false }: Grammar): string | undefined {
  const names = optionNames(args);
  if (names.includes(given)) return given;
  const near = allowsAbbreviation ? names.filter((name) => name.startsWith(given)) : [];
  return near.length === 1 ? near[0] : undefined;
}

function findShort(letter: string, { args }: Grammar): string | undefined {
  return optionNames(args).find((name) => aliasesOf(args[name] ?? {}).includes(letter));
}

function optionNames(args: ArgsDef): string[] {
  return Object.keys(args).filter((name) => args[name]?.type !== "positional");
}

function isSwitch(arg: ArgDef | undefined): boolean {
  return arg?.type === "boolean";
}

/** Returns the `BAD_USAGE` error for an undeclared option. */
export function unknownOption(flag: string, { args, help }: Grammar): NegotiatorError {
  const spellings = optionNames(args).flatMap((name) => [
    `--${name}`,
    ...aliasesOf(args[name] ?? {}).map((alias) => `-${alias}`),
  ]);
  return usageError("option", flag, spellings, help);
}
