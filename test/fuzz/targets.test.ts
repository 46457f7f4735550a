/** Runs each fuzz target for a short time. `bun run fuzz` runs them for longer. */
import { expect, test } from "bun:test";
import { chooseSeed } from "../support/random.ts";
import { runTarget } from "./fuzz-target.ts";
import { TARGETS } from "./targets.ts";

/** All targets together get this time. */
const BUDGET_MS = Number(process.env["NEGOTIATOR_FUZZ_MS"] ?? 5000);
const SEED = chooseSeed();

console.log(`Fuzzing with NEGOTIATOR_TEST_SEED=${SEED}`);

test.each(Object.entries(TARGETS).map(([name, target]) => [name, target.what, target] as const))(
  "%s: %s",
  (_name, _what, target) => {
    const budgetMs = BUDGET_MS / Object.keys(TARGETS).length;
    let endMs: number | undefined;
    // The start of a target, with a collection of garbage, can take longer than its rounds may.
    const isOver = (): boolean => performance.now() > (endMs ??= performance.now() + budgetMs);
    expect(runTarget(target, { seed: SEED, isOver }).rounds).toBeGreaterThan(0);
  },
);

test("a target that throws, and one that takes too long, fail with the seed of their round", () => {
  let rounds = 0;
  const isOver = (): boolean => rounds >= 3;
  const fails = (): void => {
    if (++rounds === 2) throw new Error("a fault");
  };
  expect(() => runTarget({ what: "", start: () => fails }, { seed: 7, isOver })).toThrow("the seed 8, or 7");
  const works = (): void => {
    const spent = process.threadCpuUsage();
    while (process.threadCpuUsage(spent).user < 20_000);
    rounds++;
  };
  rounds = 0;
  expect(() => runTarget({ what: "", start: () => works }, { seed: 7, isOver, roundMs: 10 })).toThrow(
    "The round with the seed 7 took",
  );
});
