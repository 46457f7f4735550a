/** Disturbs calls between daemons: `bun run chaos`, or `bun run chaos --only NAME` for one case. */
import { findBinary } from "../bench/find-binary.ts";
import { readMachineFacts } from "../bench/machine-facts.ts";
import { cleanUpWhenStopped } from "../bench/stopping.ts";
import { createTemporaryDirectory } from "../test/support/temporary-directory.ts";
import { CASES, chooseCases } from "./cases.ts";
import { addFigures, findMisses, formatFigures, formatHeading, RECOVERY_MS, sumFigures } from "./figures.ts";
import type { ChaosFigures } from "./figures.ts";
import { CHAOS_HELP, parseChaosOptions } from "./options.ts";
import type { ChaosOptions } from "./options.ts";
import { runCase } from "./run-case.ts";

process.exit(await main(process.argv.slice(2)));

async function main(words: readonly string[]): Promise<number> {
  let options: ChaosOptions;
  let names: string[];
  try {
    options = parseChaosOptions(words);
    names = chooseCases(options);
  } catch (thrown) {
    say(thrown instanceof Error ? thrown.message : String(thrown));
    return 2;
  }
  if (options.isHelp || options.isList) {
    process.stdout.write(options.isHelp ? CHAOS_HELP : `${Object.keys(CASES).join("\n")}\n`);
    return 0;
  }
  const binary = await findBinary(options.binary, say);
  if (binary === undefined) return 1;
  const facts = await readMachineFacts(binary);
  if (facts.load > facts.processors / 2)
    say(`the machine is busy (load ${facts.load}): recoveries will take longer`);
  say(`seed ${options.seed}`);
  await using directory = await createTemporaryDirectory();
  cleanUpWhenStopped(directory.path);
  const { all, isWhole } = await runAll(names, { ...options, binary });
  if (options.isJson)
    printJson({ facts, seed: options.seed, goals: { recoveryMs: RECOVERY_MS }, cases: all });
  const misses = all.flatMap(findMisses);
  for (const miss of misses) say(`goal missed: ${miss}`);
  return misses.length > 0 || !isWhole ? 1 : 0;
}

/** Runs the cases in turn, and prints each line as soon as it is known. With `minutes` it starts over. */
async function runAll(
  names: readonly string[],
  options: ChaosOptions & { binary: string },
): Promise<{ all: ChaosFigures[]; isWhole: boolean }> {
  const { minutes, tries, seed, isJson } = options;
  const all = new Map<string, ChaosFigures>();
  const endMs = performance.now() + (minutes ?? 0) * 60_000;
  let isWhole = true;
  const print = (line: string): void => void (isJson || process.stdout.write(`${line}\n`));
  print(formatHeading());
  let round = 0;
  do {
    for (const name of names) {
      if (round > 0 && performance.now() > endMs) break;
      try {
        const figures = await runCase(name, { ...options, seed: seed + round * tries, report: say });
        const before = all.get(name);
        all.set(name, before === undefined ? figures : addFigures(before, figures));
        if (minutes === undefined) print(formatFigures(figures));
      } catch (thrown) {
        isWhole = false;
        say(`${name} broke off: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
      }
    }
    round++;
  } while (performance.now() < endMs);
  const total = [...all.values()];
  if (minutes !== undefined) for (const figures of total) print(formatFigures(figures));
  print(formatFigures(sumFigures(total)));
  return { all: total, isWhole };
}

function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

function say(line: string): void {
  process.stderr.write(`chaos: ${line}\n`);
}
