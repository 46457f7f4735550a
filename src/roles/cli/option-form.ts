/**
 * The command line of python-negotiator: actions are options, before or after the guest's name. Each action becomes the
 * line of the subcommand that does it.
 */
import { NegotiatorError } from "../../errors.ts";
import { printable } from "../../printable.ts";
import { splitWords } from "./shell-words.ts";

/** One of the original's options, or one of ours that may stand among them. */
type LegacyOption = {
  names: readonly string[];
  takesValue?: boolean;
  /** The subcommand that does it; an option without an action is passed on. */
  action?: "list-guests" | "list-commands" | "execute" | "daemon" | "help";
  /** Its action is about the guest that is named. */
  takesGuest?: boolean;
  /** The actions that it is passed on to; all by default. */
  isFor?: readonly LegacyOption["action"][];
};
export type LegacyOptions = readonly LegacyOption[];

const EXECUTE = { names: ["--execute", "-e"], takesValue: true, action: "execute" } as const;
const COMMON: LegacyOptions = [
  { names: ["--daemon", "-d"], action: "daemon" },
  { names: ["--help", "-h"], action: "help" },
  { names: ["--timeout", "-t"], takesValue: true, isFor: ["list-commands", "execute"] },
  { names: ["--verbose", "-v"] },
  { names: ["--quiet", "-q"] },
  { names: ["--config"], takesValue: true },
  { names: ["--log-format"], takesValue: true },
  { names: ["--control"], takesValue: true },
];

export const HOST_LEGACY_OPTIONS: LegacyOptions = [
  ...COMMON,
  { ...EXECUTE, takesGuest: true },
  { names: ["--list-guests", "-g"], action: "list-guests" },
  { names: ["--list-commands", "-c"], action: "list-commands", takesGuest: true },
  { names: ["--connect"], takesValue: true },
  { names: ["--socket"], takesValue: true },
];

export const GUEST_LEGACY_OPTIONS: LegacyOptions = [
  ...COMMON,
  EXECUTE,
  { names: ["--list-commands", "-l"], action: "list-commands" },
  { names: ["--character-device", "-c"], takesValue: true },
];

type Said = { option: LegacyOption; value: string };
type Token = Said | { word: string };

/**
 * The lines that do what an option form asks for, in its order; undefined when `words` is no option form, which is when
 * a subcommand stands in front of all actions, or there is no action. Throws `BAD_USAGE` for a word or a value too many,
 * and for one that is missing.
 */
export function readLegacyForm(
  words: readonly string[],
  options: LegacyOptions,
  isSubcommand: (word: string) => boolean,
): string[][] | undefined {
  const said: Said[] = [];
  const positionals: string[] = [];
  const queue = [...words];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (word === "--") {
      positionals.push(...queue.splice(0));
      break;
    }
    const isForm = said.some(({ option }) => option.action !== undefined);
    if (!isForm && isSubcommand(word)) return undefined;
    const tokens = word.startsWith("-") && word.length > 1 ? readOption(word, queue, options) : [{ word }];
    if (tokens === undefined) return undefined;
    for (const token of tokens) {
      if ("word" in token) positionals.push(token.word);
      else said.push(token);
    }
  }
  const actions = said.filter(({ option }) => option.action !== undefined);
  if (actions.length === 0) return undefined;
  if (actions.some(({ option }) => option.action === "help")) return [["--help"]];
  checkGuest(positionals, actions);
  return actions.map((action) => makeLine(action, said, positionals));
}

/** The tokens of one word, which may be several short options; undefined when it is none of these options. */
function readOption(word: string, queue: string[], options: LegacyOptions): Token[] | undefined {
  if (word.startsWith("--")) {
    const [name = "", ...rest] = word.split("=");
    const option = findLong(name, options);
    return option === undefined
      ? undefined
      : [readValue(option, name, rest.length > 0 ? rest.join("=") : undefined, queue)];
  }
  const tokens: Token[] = [];
  for (let index = 1; index < word.length; index++) {
    const flag = `-${word[index]}`;
    const option = options.find(({ names }) => names.includes(flag));
    if (option === undefined) return undefined;
    const attached = word.slice(index + 1);
    if (option.takesValue === true)
      return [...tokens, readValue(option, flag, attached === "" ? undefined : attached, queue)];
    tokens.push({ option, value: "" });
  }
  return tokens;
}

function readValue(option: LegacyOption, flag: string, attached: string | undefined, queue: string[]): Said {
  if (option.takesValue !== true) {
    if (attached !== undefined) throw badUsage(`option ${flag} takes no value`);
    return { option, value: "" };
  }
  const value = attached ?? queue.shift();
  if (value === undefined) throw badUsage(`option ${flag} needs a value`);
  return { option, value };
}

/** Long options may be cut short, as long as only one begins so. */
function findLong(name: string, options: LegacyOptions): LegacyOption | undefined {
  const exact = options.find(({ names }) => names.includes(name));
  const near = options.filter(({ names }) =>
    names.some((long) => long.startsWith("--") && long.startsWith(name)),
  );
  return exact ?? (near.length === 1 ? near[0] : undefined);
}

/** A word that no action takes must not become a part of a command. */
function checkGuest(positionals: readonly string[], actions: readonly Said[]): void {
  const takesGuest = actions.some(({ option }) => option.takesGuest === true);
  if (takesGuest && positionals.length === 0) throw badUsage("missing GUEST");
  const surplus = positionals[takesGuest ? 1 : 0];
  if (surplus !== undefined) throw badUsage(`surplus word "${printable(surplus)}"`);
}

function makeLine({ option, value }: Said, said: readonly Said[], positionals: readonly string[]): string[] {
  const { action = "", takesGuest = false } = option;
  const passed = said.filter(
    ({ option: other }) => other.action === undefined && (other.isFor?.includes(option.action) ?? true),
  );
  const command = action === "execute" ? splitWords(value) : [];
  return [action, ...passed.map(spell), "--", ...(takesGuest ? positionals : []), ...command];
}

function spell({ option, value }: Said): string {
  const [name = ""] = option.names;
  return option.takesValue === true ? `${name}=${value}` : name;
}

function badUsage(problem: string): NegotiatorError {
  return new NegotiatorError("BAD_USAGE", `${problem} (see --help)`);
}
