/** One fault after the other: the stages of tests that run, and the outcome. */
import { expect, test } from "bun:test";
import type { TestRun } from "../../../scripts/mutate/test-run.ts";
import { countTrials, createTrials, formatTrial } from "../../../scripts/mutate/trial.ts";

const FAULT = { file: "src/x.ts", from: "a", to: "b", why: "off by one" };
const PLACE = { line: 3, source: "x[a]" };
const STAGES = [["near"], ["beside"], ["far", "farther"]];
const FAILS = (file: string): TestRun => ({ outcome: "failed", file, title: "a test" });
const PASSES: TestRun = { outcome: "passed" };

/** Trials with a runner of the test. `runs` has the files of each run, with `!` if the fault was planted. */
function createBench(test: (files: readonly string[], isPlanted: boolean) => TestRun, isTyped = true) {
  const runs: string[] = [];
  let isPlanted = false;
  let nowMs = 0;
  const trials = createTrials({
    copy: {
      async withFault(_fault, task) {
        isPlanted = true;
        try {
          return await task();
        } finally {
          isPlanted = false;
        }
      },
    },
    runner: {
      isTyped: async () => isTyped,
      async test(files) {
        runs.push(`${files.join(" ")}${isPlanted ? "!" : ""}`);
        return test(files, isPlanted);
      },
    },
    stagesOf: () => STAGES,
    now: () => (nowMs += 1000),
  });
  return { ...trials, runs };
}

test("a fault that no stage notices has survived", async () => {
  const { run, runs } = createBench(() => PASSES);
  expect(await run(FAULT, PLACE)).toEqual({
    fault: FAULT,
    place: PLACE,
    outcome: "survived",
    durationMs: 1000,
  });
  expect(runs).toEqual(["near!", "beside!", "far farther!"]);
});

test("a fault that the first stage notices runs no other, and its test passes without it", async () => {
  const { run, runs } = createBench((_, isPlanted) => (isPlanted ? FAILS("near") : PASSES));
  expect(await run(FAULT, PLACE)).toMatchObject({ outcome: "noticed", by: "near: a test" });
  expect(runs).toEqual(["near!", "near"]);
  await run(FAULT, PLACE);
  expect(runs.slice(2)).toEqual(["near!"]);
});

test("a test that fails without the fault too notices nothing, and is reported", async () => {
  const { run, runs, failing } = createBench((files) => (files.includes("far") ? FAILS("far") : PASSES));
  expect(await run(FAULT, PLACE)).toMatchObject({ outcome: "survived", without: ["far"] });
  expect(runs).toEqual(["near!", "beside!", "far farther!", "far", "farther!"]);
  expect(failing()).toEqual(["far"]);
});

test("a failure far from the fault has to repeat", async () => {
  let failures = 0;
  const once = createBench((files, isPlanted) => {
    const isFlaky = isPlanted && files.includes("far") && failures++ === 0;
    return isFlaky ? FAILS("far") : PASSES;
  });
  expect((await once.run(FAULT, PLACE)).outcome).toBe("survived");
  expect(once.runs.slice(2)).toEqual(["far farther!", "far", "far!", "farther!"]);
  const always = createBench((files, isPlanted) =>
    isPlanted && files.includes("far") ? FAILS("far") : PASSES,
  );
  expect(await always.run(FAULT, PLACE)).toMatchObject({ outcome: "noticed", by: "far: a test" });
});

test.each<[TestRun, string]>([
  [{ outcome: "time limit" }, "the time limit"],
  [{ outcome: "failed", file: undefined, title: "error: broken" }, "error: broken"],
])("a run that ends with %j notices the fault", async (ended, by) => {
  const { run } = createBench((_, isPlanted) => (isPlanted ? ended : PASSES));
  expect(await run(FAULT, PLACE)).toMatchObject({ outcome: "noticed", by });
});

test("tests that do not end in time without the fault either notice nothing, and are reported", async () => {
  const { run, runs, failing } = createBench((files) =>
    files.includes("far") ? { outcome: "time limit" } : PASSES,
  );
  const trial = await run(FAULT, PLACE);
  expect(trial).toMatchObject({ outcome: "survived", without: ["far farther"] });
  expect(formatTrial(trial)).toEndWith("\n                    without far farther");
  expect(runs).toEqual(["near!", "beside!", "far farther!", "far farther"]);
  expect(failing()).toEqual(["far farther"]);
});

test("a fault that the type checker refuses runs no test", async () => {
  const { run, runs } = createBench(() => PASSES, false);
  expect((await run(FAULT, PLACE)).outcome).toBe("refused");
  expect(runs).toEqual([]);
});

test("the line of a trial has outcome, seconds, place, kind and change, and the test that noticed it", () => {
  const trial = {
    fault: FAULT,
    place: PLACE,
    outcome: "noticed",
    by: "near: a test",
    durationMs: 1234,
  } as const;
  expect(
    formatTrial(trial)
      .split("\n")
      .map((line) => line.trim()),
  ).toEqual(["noticed       1.2 s  src/x.ts:3, off by one: a → b in: x[a]", "by near: a test"]);
});

test("the share counts noticed faults among those that the type checker accepts", () => {
  const trials = (["noticed", "noticed", "noticed", "survived", "refused"] as const).map((outcome) => {
    return { fault: FAULT, place: PLACE, outcome, durationMs: 0 };
  });
  expect(countTrials(trials)).toEqual({ noticed: 3, survived: 1, refused: 1, share: 0.75 });
  expect(countTrials([]).share).toBe(1);
});
