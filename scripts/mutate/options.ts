/** Owns the command line of `bun run mutate`. Pure. */

/** Options of a run. */
export type MutateOptions = {
  seed: number | undefined;
  /** The number of faults. Half of them are chosen, if there are so many. */
  count: number;
  /** A file of `src/`, or a folder of it. */
  only: string | undefined;
  /** No chosen faults. */
  isDrawn: boolean;
  isList: boolean;
  isJson: boolean;
  isHelp: boolean;
};

const DEFAULT_COUNT = 100;

/** The text of `--help`. */
export const MUTATE_HELP = `Plant faults in src/, one at a time, and run the tests of their rooms.

Half of the faults are chosen (scripts/mutate/chosen-*.ts), half are drawn from a seed. Each is planted in a
copy of the working tree, never in the tree itself. A fault is noticed if a test fails that passes without
it, or if the tests do not end. Faults that the type checker refuses are counted apart.

Usage:
  bun run mutate [OPTION]...

Options:
  --seed N       Draws the same faults again (default: a new seed, which is printed)
  --count N      So many faults, half of them drawn (default: ${DEFAULT_COUNT})
  --only PLACE   Only faults in this file or folder, such as src/policy or src/wire/json.ts
  --drawn        Only drawn faults, to find what the tests of a place miss
  --list         Print the faults, and run nothing
  --json         Print JSON
  -h, --help     Show this help

Examples:
  nice bun run mutate --seed 7
  nice bun run mutate --only src/policy --count 10 --drawn
  bun run mutate --seed 7 --list

Exit code: 0 at least 95 % noticed, 1 fewer, 2 wrong usage
`;

/** Parses the words. Throws an error with a message of one line for wrong usage. */
export function parseMutateOptions(words: readonly string[]): MutateOptions {
  const options: MutateOptions = {
    seed: undefined,
    count: DEFAULT_COUNT,
    only: undefined,
    isDrawn: false,
    isList: false,
    isJson: false,
    isHelp: false,
  };
  const queue = [...words];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    const [, name = word, attached] = /^(--[^=]+)=(.*)$/s.exec(word) ?? [];
    if (attached !== undefined) queue.unshift(attached);
    if (name === "--seed") options.seed = parseNumber(name, queue.shift(), 0);
    else if (name === "--count") options.count = parseNumber(name, queue.shift(), 1);
    else if (name === "--only") options.only = parsePlace(queue.shift());
    else if (attached !== undefined) throw new Error(`unknown option "${name}" with a value (see --help)`);
    else if (name === "--drawn") options.isDrawn = true;
    else if (name === "--list") options.isList = true;
    else if (name === "--json") options.isJson = true;
    else if (name === "--help" || name === "-h") options.isHelp = true;
    else throw new Error(`unknown word "${name}" (see --help)`);
  }
  return options;
}

/** Returns whether `only` names the file, or a folder around it. */
export function isIn(file: string, only: string | undefined): boolean {
  return only === undefined || file === only || file.startsWith(`${only}/`);
}

function parseNumber(option: string, text: string | undefined, least: number): number {
  const number = text === undefined || text === "" ? Number.NaN : Number(text);
  if (Number.isSafeInteger(number) && number >= least) return number;
  throw new Error(
    `option ${option} needs a whole number from ${least}${text === undefined ? "" : `, not "${text}"`}`,
  );
}

/** `policy`, `src/policy` and `src/policy/` are the same folder. */
function parsePlace(text: string | undefined): string {
  const place = (text ?? "").replace(/\/+$/, "").replace(/^\.\//, "");
  if (place === "") throw new Error("option --only needs a file or a folder, such as src/policy");
  return place === "src" || place.startsWith("src/") ? place : `src/${place}`;
}
