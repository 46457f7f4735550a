/** Attacks the host's daemon: `bun run hostile`, or `bun run hostile --only NAME` for one case. */
import { findBinary } from "../bench/find-binary.ts";
import { readMachineFacts } from "../bench/machine-facts.ts";
import { cleanUpWhenStopped } from "../bench/stopping.ts";
import { createTemporaryDirectory } from "../test/support/temporary-directory.ts";
import { findMisses, formatFigures, formatHeading, GOALS } from "./goals.ts";
import { chooseCases, HOSTILE_HELP, parseHostileOptions } from "./options.ts";
import type { HostileOptions } from "./options.ts";
import { CASE_NAMES, runCase, yardstickOf } from "./run-case.ts";
import type { Figures } from "./run-case.ts";
import { formatTrial, runTrial, TRIAL_NAMES } from "./run-trial.ts";
import type { TrialFigures } from "./run-trial.ts";

process.exit(await main(process.argv.slice(2)));

async function main(words: readonly string[]): Promise<number> {
  let options: HostileOptions;
  let names: string[];
  try {
    options = parseHostileOptions(words);
    names = chooseCases([...CASE_NAMES, ...TRIAL_NAMES], options.only);
  } catch (thrown) {
    say(thrown instanceof Error ? thrown.message : String(thrown));
    return 2;
  }
  if (options.isHelp || options.isList) {
    process.stdout.write(options.isHelp ? HOSTILE_HELP : `${[...CASE_NAMES, ...TRIAL_NAMES].join("\n")}\n`);
    return 0;
  }
  const binary = await findBinary(options.binary, say);
  if (binary === undefined) return 1;
  const facts = await readMachineFacts(binary);
  if (facts.load > facts.processors / 2)
    say(`the machine is busy (load ${facts.load}): the figures will vary`);
  await using directory = await createTemporaryDirectory();
  cleanUpWhenStopped(directory.path);
  const measured = names.filter((name) => CASE_NAMES.includes(name));
  const tried = names.filter((name) => TRIAL_NAMES.includes(name));
  const yardsticks = [...new Set(measured.map(yardstickOf))];
  const all = await measureAll([...yardsticks, ...measured], { ...options, binary });
  const trials = await tryAll(tried, { ...options, binary });
  if (options.isJson)
    process.stdout.write(`${JSON.stringify({ facts, goals: GOALS, cases: all, trials }, null, 2)}\n`);
  const misses = [
    ...all.filter(({ name }) => !yardsticks.includes(name)).flatMap(findMisses),
    ...trials
      .filter(({ hasSucceeded }) => hasSucceeded)
      .map(({ name }) => `${name}: the attack has succeeded`),
  ];
  for (const miss of misses) say(`goal missed: ${miss}`);
  const isWhole = all.length === yardsticks.length + measured.length && trials.length === tried.length;
  return misses.length > 0 || !isWhole ? 1 : 0;
}

/** Runs the trials in turn, and prints each line as soon as it is known. Leaves out those that break off. */
async function tryAll(
  names: readonly string[],
  { binary, isJson }: HostileOptions & { binary: string },
): Promise<TrialFigures[]> {
  const all: TrialFigures[] = [];
  for (const name of names) {
    try {
      const figures = await runTrial(name, binary);
      all.push(figures);
      if (!isJson) process.stdout.write(`${formatTrial(figures)}\n`);
    } catch (thrown) {
      say(`${name} failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    }
  }
  return all;
}

/** Measures the cases in turn, and prints each line as soon as it is known. Leaves failed cases out. */
async function measureAll(
  names: readonly string[],
  options: HostileOptions & { binary: string },
): Promise<Figures[]> {
  const all: Figures[] = [];
  if (!options.isJson && names.length > 0) process.stdout.write(`${formatHeading()}\n`);
  for (const name of names) {
    try {
      const figures = await runCase(name, options);
      all.push(figures);
      if (!options.isJson) process.stdout.write(`${formatFigures(figures)}\n`);
    } catch (thrown) {
      say(`${name} failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    }
  }
  return all;
}

function say(line: string): void {
  process.stderr.write(`hostile: ${line}\n`);
}
