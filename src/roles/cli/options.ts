/** Strict reading of a subcommand's words: every option must be declared, and a foreign command's words stay untouched. */
import type { ArgDef, ArgsDef } from "citty";
import { NegotiatorError } from "../../errors.ts";
import { printable } from "../../printable.ts";
import { usageError } from "./usage.ts";

/** Options that every subcommand of both roles takes. */
export const COMMON_OPTIONS = {
  config: { type: "string", valueHint: "file", description: "Read this config file" },
  "log-format": { type: "string", valueHint: "text|json", description: "How log lines on stderr look" },
  verbose: { type: "boolean", alias: "v", description: "Say more; repeatable" },
  quiet: { type: "boolean", alias: "q", description: "Say less; repeatable" },
  help: { type: "boolean", alias: "h", description: "Show this help" },
} as const satisfies ArgsDef;

/** Options that several subcommands take. */
export const TIMEOUT_OPTION = {
  timeout: {
    type: "string",
    alias: "t",
    valueHint: "seconds",
    description: "Deadline, 0 for none; default 10",
  },
} as const satisfies ArgsDef;
export const JSON_OPTION = {
  json: { type: "boolean", description: "JSON objects instead of text" },
} as const satisfies ArgsDef;
export const CONTROL_OPTION = {
  control: { type: "string", valueHint: "path", description: "The daemon's control socket" },
} as const satisfies ArgsDef;
export const NO_STDIN_OPTION = {
  "no-stdin": { type: "boolean", alias: "n", description: "Send no standard input, and leave it alone" },
} as const satisfies ArgsDef;
export const DIRECT_OPTION = {
  direct: { type: "boolean", description: "Open the channel itself, without the daemon" },
} as const satisfies ArgsDef;

/** What was said on a command line: option values by name in order (`""` for switches), and the other words. */
export type Words = { options: ReadonlyMap<string, readonly string[]>; positionals: string[] };

export type Grammar = {
  /** Names the subcommand in messages, for example `negotiator host execute`. */
  name: string;
  args: ArgsDef;
  /** After this many positional words the rest is not ours to read. */
  cutAfter?: number;
};

/** Throws `BAD_USAGE` for an option that is not declared, lacks its value or has one that it does not take. */
export function readWords(words: readonly string[], grammar: Grammar): Words {
  const options = new Map<string, string[]>();
  const positionals: string[] = [];
  const queue = [...words];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (word === "--") break;
    if (word.startsWith("-") && word.length > 1) readOption(word, queue, grammar, options);
    else positionals.push(word);
    if (positionals.length === grammar.cutAfter) break;
  }
  positionals.push(...queue);
  return { options, positionals };
}

/** Throws `BAD_USAGE` when a declared word is missing or one too many stands there. */
export function checkPositionals({ positionals }: Words, grammar: Grammar): void {
  const declared = Object.entries(grammar.args).filter(([, arg]) => arg.type === "positional");
  const missing = declared.slice(positionals.length).find(([, arg]) => arg.required !== false);
  if (missing !== undefined) throw badUsage(`missing ${missing[0].toUpperCase()}`, grammar);
  const surplus = positionals[declared.length];
  if (surplus === undefined || grammar.cutAfter !== undefined) return;
  throw badUsage(`surplus word "${printable(surplus)}"`, grammar);
}

/** The same words in the one spelling that citty reads without guessing. */
export function spellOut(words: Words, args: ArgsDef): string[] {
  const spelled = [...words.options].map(([name, values]) =>
    isSwitch(args[name]) ? `--${name}` : `--${name}=${values.at(-1) ?? ""}`,
  );
  return [...spelled, "--", ...words.positionals];
}

function readOption(word: string, queue: string[], grammar: Grammar, options: Map<string, string[]>): void {
  const [head = "", ...tail] = word.split("=");
  const attached = tail.length > 0 ? tail.join("=") : undefined;
  if (word.startsWith("--")) {
    const name = declaredName(head.slice(2), grammar, head);
    addOption(name, head, attached, queue, grammar, options);
    return;
  }
  readShortOptions(word, queue, grammar, options);
}

/** `-vv`, `-t5`, `-t 5`: letters up to the first that takes a value. */
function readShortOptions(
  word: string,
  queue: string[],
  grammar: Grammar,
  options: Map<string, string[]>,
): void {
  const letters = Array.from(word.slice(1));
  for (const [index, letter] of letters.entries()) {
    const flag = `-${letter}`;
    // A word that is wrong from its first letter on is more likely a long option with one dash.
    const name = declaredName(letter, grammar, index === 0 ? word : flag);
    const rest = letters.slice(index + 1).join("");
    if (isSwitch(grammar.args[name]) && !rest.startsWith("=")) {
      addOption(name, flag, undefined, queue, grammar, options);
      continue;
    }
    addOption(name, flag, rest === "" ? undefined : rest.replace(/^=/, ""), queue, grammar, options);
    return;
  }
}

function addOption(
  name: string,
  flag: string,
  attached: string | undefined,
  queue: string[],
  grammar: Grammar,
  options: Map<string, string[]>,
): void {
  const values = options.get(name) ?? [];
  options.set(name, values);
  if (isSwitch(grammar.args[name])) {
    if (attached !== undefined) throw badUsage(`option ${flag} takes no value`, grammar);
    values.push("");
    return;
  }
  const value = attached ?? queue.shift();
  if (value === undefined) throw badUsage(`option ${flag} needs a value`, grammar);
  values.push(value);
}

function declaredName(spoken: string, grammar: Grammar, flag: string): string {
  // `--v` is not `-v`: one letter goes with one dash.
  const isFit = spoken.length > 1 || !flag.startsWith("--");
  const found = Object.entries(grammar.args).find(
    ([name, arg]) => arg.type !== "positional" && (name === spoken || aliasesOf(arg).includes(spoken)),
  );
  if (isFit && found !== undefined) return found[0];
  throw usageError("option", flag, spellingsOf(grammar.args), `${grammar.name} --help`);
}

function badUsage(problem: string, grammar: Grammar): NegotiatorError {
  return new NegotiatorError("BAD_USAGE", `${problem} (see ${grammar.name} --help)`);
}

function isSwitch(arg: ArgDef | undefined): boolean {
  return arg?.type === "boolean";
}

/** The spellings of a declared option's short forms. */
export function aliasesOf(arg: ArgDef): string[] {
  if (arg.type === "positional" || !("alias" in arg) || arg.alias === undefined) return [];
  return Array.isArray(arg.alias) ? arg.alias : [arg.alias];
}

function spellingsOf(args: ArgsDef): string[] {
  return Object.entries(args)
    .filter(([, arg]) => arg.type !== "positional")
    .flatMap(([name, arg]) => [`--${name}`, ...aliasesOf(arg).map((alias) => `-${alias}`)]);
}
