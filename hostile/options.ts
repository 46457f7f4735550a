/** Owns the command line of the attacks. Pure. */
import { readOptionWords } from "../bench/option-words.ts";

/** The options of a run. `only` has names of cases; empty for all. */
export type HostileOptions = {
  binary?: string;
  only: string[];
  seconds: number;
  attackers: number;
  isJson: boolean;
  isList: boolean;
  isHelp: boolean;
};

const DEFAULT_SECONDS = 10;
const DEFAULT_ATTACKERS = 12;

/** The text of `--help`. */
export const HOSTILE_HELP = `Attack a host's daemon, and measure the calls of another guest meanwhile.
Trials are attacks that succeed or fail; they need root, setpriv and unshare.

Usage:
  bun run hostile [OPTION]...

Options:
  --only NAME      Only this case; repeatable (see --list)
  --binary FILE    The binary (default: dist/negotiator, built if it is missing)
  --seconds N      How long each case is measured (default: ${DEFAULT_SECONDS})
  --attackers N    How many guests attack at once (default: ${DEFAULT_ATTACKERS})
  --json           Print JSON
  --list           Print the names of the cases
  -h, --help       Show this help

Exit code: 0 all goals met, 1 a goal missed, 2 wrong usage
`;

/** Parses the words. Throws an error with a message of one line for wrong usage. */
export function parseHostileOptions(words: readonly string[]): HostileOptions {
  const options: HostileOptions = {
    only: [],
    seconds: DEFAULT_SECONDS,
    attackers: DEFAULT_ATTACKERS,
    isJson: false,
    isList: false,
    isHelp: false,
  };
  readOptionWords(words, {
    values: {
      "--only": (text) => options.only.push(text),
      "--binary": (text) => (options.binary = text),
      "--seconds": (text, name) => (options.seconds = parseCount(name, text)),
      "--attackers": (text, name) => (options.attackers = parseCount(name, text)),
    },
    flags: {
      "--json": () => (options.isJson = true),
      "--list": () => (options.isList = true),
      "--help": () => (options.isHelp = true),
    },
  });
  return options;
}

/** Returns the wanted names, in the order of the list. Throws for a name that does not exist. */
export function chooseCases(names: readonly string[], only: readonly string[]): string[] {
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`no case "${unknown}"; the cases are: ${names.join(", ")}`);
  return names.filter((name) => only.length === 0 || only.includes(name));
}

function parseCount(option: string, text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1) return count;
  throw new Error(`${option} needs a whole number from 1, not "${text}"`);
}
