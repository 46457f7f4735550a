/** Plants faults in a copy of the source, and counts those that tests notice: `bun run mutate`. */
import { join } from "node:path";
import { readSourceTree } from "../test/support/source-tree.ts";
import type { SourceFile } from "../test/support/source-tree.ts";
import { CHOSEN } from "./mutate/chosen.ts";
import { drawFaults, pickFaults } from "./mutate/draw.ts";
import { findPlace, findStale, formatFault } from "./mutate/fault.ts";
import type { Fault, FaultPlace } from "./mutate/fault.ts";
import { isIn, MUTATE_HELP, parseMutateOptions } from "./mutate/options.ts";
import type { MutateOptions } from "./mutate/options.ts";
import { findStages } from "./mutate/test-rooms.ts";
import { createRunner } from "./mutate/test-run.ts";
import { cleanUpWhenStopped } from "../bench/stopping.ts";
import { copyTree } from "./mutate/tree-copy.ts";
import { countTrials, createTrials, formatTrial } from "./mutate/trial.ts";
import type { Trial } from "./mutate/trial.ts";

const ROOT = join(import.meta.dir, "..");
const GOOD_SHARE = 0.95;
/** Faults that the type checker refuses are drawn again, up to this many times the wanted number. */
const MOST_DRAWS = 5;

process.exitCode = await main(process.argv.slice(2));

/** Returns the exit code. */
async function main(words: readonly string[]): Promise<number> {
  let options: MutateOptions;
  try {
    options = parseMutateOptions(words);
  } catch (thrown) {
    say(thrown instanceof Error ? thrown.message : String(thrown));
    return 2;
  }
  if (options.isHelp) {
    process.stdout.write(MUTATE_HELP);
    return 0;
  }
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 31);
  const files = (await readSourceTree(["src"])).filter(({ path }) => isIn(path, options.only));
  if (files.length === 0) {
    say(`there is no file or folder "${options.only}"`);
    return 2;
  }
  const plan = makePlan(options, seed, files);
  say(`seed ${seed}: ${plan.chosen.length} chosen faults, ${plan.drawnCount} drawn ones`);
  if (options.isList) {
    list(plan, files);
    return 0;
  }
  const trials = await tryAll(plan, files, options.isJson ? say : (line) => console.log(line));
  return report(trials, seed, options.isJson);
}

/** `drawn` goes on after `drawnCount`, because the type checker refuses some of them. */
type Plan = { chosen: Fault[]; drawn: Iterable<Fault>; drawnCount: number };

function makePlan({ count, only, isDrawn }: MutateOptions, seed: number, files: readonly SourceFile[]): Plan {
  const inPlace = CHOSEN.filter(({ file }) => isIn(file, only));
  const stale = findStale(inPlace, files);
  for (const { problem } of stale) say(`${problem}\nCorrect it in scripts/mutate/chosen-*.ts`);
  const all = inPlace.filter((fault) => !stale.some((other) => other.fault === fault));
  const chosen = pickFaults(all, isDrawn ? 0 : Math.ceil(count / 2), seed);
  return { chosen, drawn: drawFaults(files, seed), drawnCount: count - chosen.length };
}

function list({ chosen, drawn, drawnCount }: Plan, files: readonly SourceFile[]): void {
  const shown = [...chosen, ...Iterator.from(drawn).take(drawnCount)];
  for (const fault of shown) console.log(formatFault(fault, placeIn(files, fault)));
}

async function tryAll(
  plan: Plan,
  files: readonly SourceFile[],
  print: (line: string) => void,
): Promise<Trial[]> {
  await using copy = await copyTree(ROOT);
  cleanUpWhenStopped(copy.directory);
  const tests = await readSourceTree(["test"]);
  const { run, failing } = createTrials({
    copy,
    runner: createRunner(copy),
    stagesOf: (file) => findStages(file, tests),
    now: () => performance.now(),
  });
  const trials: Trial[] = [];
  const attempt = async (fault: Fault): Promise<Trial> => {
    const trial = await run(fault, placeIn(files, fault));
    trials.push(trial);
    print(formatTrial(trial));
    return trial;
  };
  const draws = Iterator.from(plan.drawn).take(plan.drawnCount * MOST_DRAWS);
  const attemptDrawn = async (): Promise<void> => {
    for (let next = draws.next(); next.done !== true; next = draws.next())
      if ((await attempt(next.value)).outcome !== "refused") return;
  };
  // In turn, so that a run that is stopped has tried both kinds.
  for (let index = 0; index < Math.max(plan.chosen.length, plan.drawnCount); index++) {
    const fault = plan.chosen[index];
    if (fault !== undefined) await attempt(fault);
    if (index < plan.drawnCount) await attemptDrawn();
  }
  for (const files of failing()) say(`without a fault these tests fail, or do not end in time: ${files}`);
  return trials;
}

/** Returns the exit code. */
function report(trials: readonly Trial[], seed: number, isJson: boolean): number {
  const { share, ...counts } = countTrials(trials);
  if (isJson) process.stdout.write(`${JSON.stringify({ seed, ...counts, share, trials }, null, 2)}\n`);
  else {
    const { noticed, survived, refused } = counts;
    console.log(
      `\nseed ${seed}: ${noticed} noticed, ${survived} survived (${(share * 100).toFixed(1)} % noticed)`,
    );
    console.log(`${refused} more were refused by the type checker`);
    for (const trial of trials) if (trial.outcome === "survived") console.log(formatTrial(trial));
  }
  return share >= GOOD_SHARE ? 0 : 1;
}

function placeIn(files: readonly SourceFile[], fault: Fault): FaultPlace {
  const file = files.find(({ path }) => path === fault.file);
  if (file === undefined) throw new Error(`Cannot plant a fault in ${fault.file}: there is no such file`);
  return findPlace(file.text, fault);
}

function say(line: string): void {
  process.stderr.write(`mutate: ${line}\n`);
}
