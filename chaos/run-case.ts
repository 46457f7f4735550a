/** Runs the tries of one case, each on a fresh stage. */
import { createTemporaryDirectory } from "../test/support/temporary-directory.ts";
import { createRandom } from "../test/support/random.ts";
import type { Plant } from "./call.ts";
import type { ChaosCase } from "./case.ts";
import { CASES } from "./cases.ts";
import type { ChaosFigures } from "./figures.ts";
import { addCounts, judge, NO_COUNTS } from "./judge.ts";
import type { Judgement } from "./judge.ts";
import { runTry } from "./run-try.ts";
import { openEmulatedStage, SHORT_LIMITS } from "./stage.ts";

/** `seed` decides all random choices. `lanes` tries run at once. `report` gets a line for each fault. */
export type CaseOptions = {
  binary: string;
  tries: number;
  lanes: number;
  seed: number;
  plant?: Plant | undefined;
  report: (line: string) => void;
};

/** Makes the tries of the case. Each try has new daemons, so that no try suffers from another one. */
export async function runCase(name: string, options: CaseOptions): Promise<ChaosFigures> {
  const chosen = CASES[name];
  if (chosen === undefined) throw new Error(`no case is called "${name}"`);
  const { tries, lanes, seed, report } = options;
  let counts = NO_COUNTS;
  let recoveryMs = 0;
  let next = 0;
  const runLane = async (): Promise<void> => {
    while (next < tries) {
      const own = seed + next++;
      const end = await runOnStage(chosen, { ...options, seed: own });
      for (const fault of end.faults) report(`${name}, seed ${own}: ${fault}`);
      counts = addCounts(counts, end.counts);
      recoveryMs = Math.max(recoveryMs, end.recoveryMs);
    }
  };
  await Promise.all(Array.from({ length: lanes }, runLane));
  return { name, what: chosen.what, tries, recoveryMs, ...counts };
}

async function runOnStage(
  { settings = SHORT_LIMITS, before, strike, mayEnd }: ChaosCase,
  { binary, seed, plant }: CaseOptions,
): Promise<Judgement & { recoveryMs: number }> {
  const random = createRandom(seed);
  await using held = new AsyncDisposableStack();
  const { path: directory } = held.use(await createTemporaryDirectory());
  const stage = held.use(await openEmulatedStage({ binary, directory, random, plant, settings, before }));
  const end = await runTry(stage, (during) => strike(stage, { random, during }), random);
  const ledger = `${await stage.sides.host.ledger()}\n${await stage.sides.guest.ledger()}`;
  const { recoveryMs } = end;
  return { ...judge({ ...end, ledger, streamBytes: stage.streamBytes, mayEnd }), recoveryMs };
}
