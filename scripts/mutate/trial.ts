/** Tries one fault: plants it, and runs the stages of its tests until one of them notices it. */
import { formatFault } from "./fault.ts";
import type { Fault, FaultPlace } from "./fault.ts";
import type { Runner, TestRun } from "./test-run.ts";
import type { Stage } from "./test-rooms.ts";
import type { TreeCopy } from "./tree-copy.ts";

/** `refused`: the type checker does not accept the fault. */
export type Outcome = "noticed" | "survived" | "refused";

/**
 * The result for one fault. `by` is the test that noticed it, with its file. `without` are the test files
 * that could not notice it: they fail without a fault, or are too slow for this machine.
 */
export type Trial = {
  fault: Fault;
  place: FaultPlace;
  outcome: Outcome;
  by?: string;
  without?: string[];
  durationMs: number;
};

/** The parts of a run that all trials share. */
export type TrialOptions = {
  copy: Pick<TreeCopy, "withFault">;
  runner: Runner;
  stagesOf: (file: string) => readonly Stage[];
  /** Returns milliseconds of a monotonic clock. */
  now: () => number;
};

/** Tries faults, and remembers which test files pass without one. */
export type Trials = {
  /** Tries a fault, which stands at `place`. Rejects if the fault cannot be planted. */
  run: (fault: Fault, place: FaultPlace) => Promise<Trial>;
  /** Test files that fail without a fault, or take too long together, so that they cannot notice one. */
  failing: () => string[];
};

/** Tests far from the fault can fail by accident, so from this stage on a failure has to repeat. */
const NEAR_STAGES = 2;

/** Returns trials without a memory. */
export function createTrials({ copy, runner, stagesOf, now }: TrialOptions): Trials {
  /** Whether test files pass without a fault, alone or together. */
  const passing = new Map<string, boolean>();

  /** A test that fails anyway notices nothing, nor do tests that are too slow for this machine. */
  const passUnchanged = async (files: Stage): Promise<boolean> => {
    const key = files.join(" ");
    const isPassing = passing.get(key) ?? (await runner.test(files)).outcome === "passed";
    passing.set(key, isPassing);
    return isPassing;
  };

  const failing = (): string[] => [...passing].flatMap(([files, isPassing]) => (isPassing ? [] : [files]));

  /** Runs a stage with the fault. Returns the test that noticed it. */
  const runStage = async (fault: Fault, files: Stage, isNear: boolean): Promise<string | undefined> => {
    const left = files.filter((file) => passing.get(file) !== false);
    const ended = left.length === 0 ? PASSED : await copy.withFault(fault, () => runner.test(left));
    if (ended.outcome === "passed") return undefined;
    if (ended.outcome === "time limit") return (await passUnchanged(left)) ? "the time limit" : undefined;
    const { file, title } = ended;
    // A fault that keeps a file from being loaded fails before its first test.
    if (file === undefined) return title;
    const others = left.filter((each) => each !== file);
    if (!(await passUnchanged([file]))) return runStage(fault, others, isNear);
    const isRepeated =
      isNear || (await copy.withFault(fault, () => runner.test([file]))).outcome !== "passed";
    return isRepeated ? `${file}: ${title}` : runStage(fault, others, isNear);
  };

  const runTrial: Trials["run"] = async (fault, place) => {
    const startMs = now();
    const end = (outcome: Outcome, by?: string): Trial => {
      const trial = { fault, place, outcome, durationMs: Math.round(now() - startMs) };
      return by === undefined ? trial : { ...trial, by };
    };
    if (!(await copy.withFault(fault, runner.isTyped))) return end("refused");
    for (const [index, stage] of stagesOf(fault.file).entries()) {
      const by = await runStage(fault, stage, index < NEAR_STAGES);
      if (by !== undefined) return end("noticed", by);
    }
    const files = new Set(stagesOf(fault.file).flat());
    const without = failing().filter((names) => names.split(" ").every((name) => files.has(name)));
    return without.length === 0 ? end("survived") : { ...end("survived"), without };
  };

  return { run: runTrial, failing };
}

const PASSED: TestRun = { outcome: "passed" };

/** Returns a trial for people: outcome, time and fault, and on further lines `by` and `without`. */
export function formatTrial({ fault, place, outcome, by, without = [], durationMs }: Trial): string {
  const seconds = `${(durationMs / 1000).toFixed(1)} s`.padStart(8);
  const more = [...(by === undefined ? [] : [`by ${by}`]), ...without.map((files) => `without ${files}`)];
  const lines = more.map((line) => `\n${" ".repeat(20)}${line}`);
  return `${outcome.padEnd(10)} ${seconds}  ${formatFault(fault, place)}${lines.join("")}`;
}

/** Counts trials by outcome. `share` is the noticed part of those that the type checker accepts. */
export function countTrials(trials: readonly Trial[]): Record<Outcome, number> & { share: number } {
  const count = (outcome: Outcome): number => trials.filter((trial) => trial.outcome === outcome).length;
  const [noticed, survived, refused] = [count("noticed"), count("survived"), count("refused")];
  const run = noticed + survived;
  return { noticed, survived, refused, share: run === 0 ? 1 : noticed / run };
}
