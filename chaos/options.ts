/** Owns the command line of chaos. Pure. */
import { readOptionWords } from "../bench/option-words.ts";
import { PLANTS } from "./call.ts";
import type { Plant } from "./call.ts";

/**
 * The options of a run. `only` has names of cases; empty for all. `lanes`: how many tries run at once.
 * `minutes` is undefined for `tries` alone. `logs`: the directory for the logs of tries with faults.
 */
export type ChaosOptions = {
  binary?: string;
  only: string[];
  tries: number;
  lanes: number;
  minutes?: number;
  seed: number;
  plant?: Plant;
  logs?: string;
  hasMachine: boolean;
  isJson: boolean;
  isList: boolean;
  isHelp: boolean;
};

const DEFAULT_TRIES = 3;

/** The text of `--help`. */
export const CHAOS_HELP = `Disturb calls between two daemons, and count from outside what became of them.

Usage:
  bun run chaos [OPTION]...

Options:
  --only NAME      Only this case; repeatable (see --list). A case of a virtual machine needs no --vm then
  --vm             Also the cases of real virtual machines
  --tries N        How often each case is tried (default: ${DEFAULT_TRIES})
  --lanes N        How many tries run at once (default: 1)
  --minutes N      Try all chosen cases in turn until so many minutes have passed
  --seed N         Repeat the random choices of a run
  --plant FAULT    Let commands drop, double or wrong their results; the run must report it
  --logs DIRECTORY Write the daemons' logs of each try with a fault there, with details
  --binary FILE    The binary (default: dist/negotiator, built if it is missing)
  --json           Print JSON
  --list           Print the names of the cases
  -h, --help       Show this help

Exit code: 0 all goals met, 1 a goal missed, 2 wrong usage
`;

/** Parses the words. Throws an error with a message of one line for wrong usage. */
export function parseChaosOptions(words: readonly string[]): ChaosOptions {
  const options: ChaosOptions = {
    only: [],
    tries: DEFAULT_TRIES,
    lanes: 1,
    seed: Math.floor(Math.random() * 2 ** 31),
    hasMachine: false,
    isJson: false,
    isList: false,
    isHelp: false,
  };
  readOptionWords(words, {
    values: {
      "--only": (text) => options.only.push(text),
      "--binary": (text) => (options.binary = text),
      "--tries": (text, name) => (options.tries = parseCount(name, text, 1)),
      "--lanes": (text, name) => (options.lanes = parseCount(name, text, 1)),
      "--minutes": (text, name) => (options.minutes = parseCount(name, text, 1)),
      "--seed": (text, name) => (options.seed = parseCount(name, text, 0)),
      "--logs": (text) => (options.logs = text),
      "--plant": (text) => (options.plant = parsePlant(text)),
    },
    flags: {
      "--vm": () => (options.hasMachine = true),
      "--json": () => (options.isJson = true),
      "--list": () => (options.isList = true),
      "--help": () => (options.isHelp = true),
    },
  });
  return options;
}

function parseCount(option: string, text: string, least: number): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= least && /^\d+$/.test(text)) return count;
  throw new Error(`${option} needs a whole number from ${least}, not "${text}"`);
}

function parsePlant(text: string): Plant {
  const plant = PLANTS.find((name) => name === text);
  if (plant === undefined) throw new Error(`--plant needs one of ${PLANTS.join(", ")}, not "${text}"`);
  return plant;
}
