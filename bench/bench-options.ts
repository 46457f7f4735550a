/** Owns the command line of the bench. Pure. */
import { readOptionWords } from "./option-words.ts";
import type { Row } from "./row.ts";
import { needsMachine } from "./rows.ts";

/** The options of a run. `only` has names of rows and families; empty for all. */
export type BenchOptions = {
  binary?: string;
  only: string[];
  rounds: number;
  hasMachine: boolean;
  isJson: boolean;
  isCheck: boolean;
  isWriteBaseline: boolean;
  isHelp: boolean;
};

const DEFAULT_ROUNDS = 3;

/** The text of `--help`. */
export const BENCH_HELP = `Measure the compiled binary against yardsticks of the same run.

Usage:
  bun run bench [OPTION]...

Options:
  --only NAME        Only this row or family; repeatable
  --vm               Also the rows that need QEMU; \`--only\` with such a row implies it
  --rounds N         How often each figure is measured (default: ${DEFAULT_ROUNDS}); the row has the median
  --binary PATH      The binary (default: dist/negotiator, built if it is missing)
  --json             Print JSON
  --check            Compare with bench/baseline.json; exit code 1 if a row is more than twice as bad
  --write-baseline   Write the measured rows to bench/baseline.json
  -h, --help         Show this help
`;

/** Parses the words. Throws an error with a message of one line for wrong usage. */
export function parseBenchOptions(words: readonly string[]): BenchOptions {
  const options: BenchOptions = {
    only: [],
    rounds: DEFAULT_ROUNDS,
    hasMachine: false,
    isJson: false,
    isCheck: false,
    isWriteBaseline: false,
    isHelp: false,
  };
  readOptionWords(words, {
    values: {
      "--only": (text) => options.only.push(text),
      "--binary": (text) => (options.binary = text),
      "--rounds": (text) => (options.rounds = parseRounds(text)),
    },
    flags: {
      "--vm": () => (options.hasMachine = true),
      "--json": () => (options.isJson = true),
      "--check": () => (options.isCheck = true),
      "--write-baseline": () => (options.isWriteBaseline = true),
      "--help": () => (options.isHelp = true),
    },
  });
  return options;
}

/** Returns the rows that the options ask for, in the table's order. Throws for a name that does not exist. */
export function chooseRows(
  rows: readonly Row[],
  { only, hasMachine }: Pick<BenchOptions, "only" | "hasMachine">,
): Row[] {
  const unknown = only.find((name) => !rows.some((row) => isNamed(row, name)));
  if (unknown !== undefined) {
    throw new Error(`no row "${unknown}"; the rows are: ${rows.map(({ name }) => name).join(", ")}`);
  }
  if (only.length > 0) return rows.filter((row) => only.some((name) => isNamed(row, name)));
  return rows.filter((row) => hasMachine || !needsMachine(row));
}

function isNamed(row: Row, name: string): boolean {
  return row.name === name || row.family === name;
}

function parseRounds(text: string): number {
  const rounds = Number(text);
  if (Number.isInteger(rounds) && rounds >= 1) return rounds;
  throw new Error(`--rounds needs a whole number from 1, not "${text}"`);
}
