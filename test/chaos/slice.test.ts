/** A short slice of `bun run chaos`, which has the figures. */
import { expect, test } from "bun:test";
import { findMisses } from "../../chaos/figures.ts";
import { runCase } from "../../chaos/run-case.ts";
import { hostBinary } from "../support/binary.ts";
import { chooseSeed } from "../support/random.ts";

const SEED = chooseSeed();
const TIMEOUT_MS = 180_000;
const ignore = (): void => undefined;

console.log(`A slice of chaos with NEGOTIATOR_TEST_SEED=${SEED}`);

test.concurrent.each(["cut-50ms", "tear", "port-gone-1s"])(
  "calls in both directions during the disturbance %s are neither lost, doubled, endless nor wrong",
  async (name) => {
    const faults: string[] = [];
    const report = (fault: string): void => void faults.push(fault);
    const figures = await runCase(name, {
      binary: await hostBinary(),
      tries: 1,
      lanes: 1,
      seed: SEED,
      report,
    });
    expect(faults).toEqual([]);
    // How long a recovery takes is not measured on a machine that runs tests.
    expect(findMisses({ ...figures, recoveryMs: 0 })).toEqual([]);
    expect(figures.inFlight).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);

test.concurrent.each([
  ["drop", "lost"],
  ["double", "doubled"],
  ["wrong", "wrong"],
] as const)(
  "commands that plant the fault %s make a run count calls as %s",
  async (plant, fault) => {
    const binary = await hostBinary();
    const options = { binary, tries: 1, lanes: 1, seed: SEED, plant, report: ignore };
    const figures = await runCase("cut-50ms", options);
    expect(figures[fault]).toBeGreaterThan(0);
    expect(findMisses(figures).join()).toContain(`calls ${fault}`);
  },
  TIMEOUT_MS,
);
