/** Owns the command line of the attacks. Pure. */

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
  const queue = [...words];
  const value = (option: string): string => {
    const next = queue.shift();
    if (next === undefined || next === "") throw new Error(`option ${option} needs a value`);
    return next;
  };
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    const [, name = word, attached] = /^(--[^=]+)=(.*)$/s.exec(word) ?? [];
    if (attached !== undefined) queue.unshift(attached);
    if (name === "--only") options.only.push(value(name));
    else if (name === "--binary") options.binary = value(name);
    else if (name === "--seconds") options.seconds = parseCount(name, value(name));
    else if (name === "--attackers") options.attackers = parseCount(name, value(name));
    else if (attached !== undefined) throw new Error(`unknown option "${name}" with a value (see --help)`);
    else if (name === "--json") options.isJson = true;
    else if (name === "--list") options.isList = true;
    else if (name === "--help" || name === "-h") options.isHelp = true;
    else throw new Error(`unknown word "${name}" (see --help)`);
  }
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
