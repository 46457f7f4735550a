/** Runs the tries of one case. */
import { createTemporaryDirectory } from "../test/support/temporary-directory.ts";
import { createRandom } from "../test/support/random.ts";
import type { CallEnd, Plant } from "./call.ts";
import type { EmulatedCase, MachineCase } from "./case.ts";
import { CASES } from "./cases.ts";
import type { ChaosFigures } from "./figures.ts";
import { addCounts, judge, NO_COUNTS } from "./judge.ts";
import type { Judgement } from "./judge.ts";
import { openMachineStage } from "./machine-stage.ts";
import { runTry } from "./run-try.ts";
import { openEmulatedStage, SHORT_LIMITS } from "./stage.ts";

/**
 * `seed` decides all random choices. `lanes` tries run at once. `logs`: as in `ChaosOptions`, for cases
 * between daemons on this machine. `report` gets a line for each fault.
 */
export type CaseOptions = {
  binary: string;
  tries: number;
  lanes: number;
  seed: number;
  plant?: Plant | undefined;
  logs?: string | undefined;
  report: (line: string) => void;
};

/** The faults of one try that are shown. */
const SHOWN_FAULTS = 10;

/** Makes the tries of the case. */
export async function runCase(name: string, options: CaseOptions): Promise<ChaosFigures> {
  const chosen = CASES[name];
  if (chosen === undefined) throw new Error(`no case is called "${name}"`);
  const { tries, lanes, seed, report } = options;
  let counts = NO_COUNTS;
  let recoveryMs = 0;
  const add = (end: Outcome, own: number): void => {
    const more = end.faults.length - SHOWN_FAULTS;
    for (const fault of end.faults.slice(0, SHOWN_FAULTS)) report(`${name}, seed ${own}: ${fault}`);
    if (more > 0) report(`${name}, seed ${own}: and ${more} more`);
    counts = addCounts(counts, end.counts);
    recoveryMs = Math.max(recoveryMs, end.recoveryMs);
  };
  let next = 0;
  const runLane = async (): Promise<void> => {
    while (chosen.kind === "emulated" && next < tries) {
      const own = seed + next++;
      add(await tryEmulated(chosen, { ...options, seed: own }), own);
    }
  };
  if (chosen.kind === "machine") add(await tryMachine(chosen, options), seed);
  else if (chosen.kind === "own") {
    for (let index = 0; index < tries; index++) {
      await using directory = await createTemporaryDirectory();
      add(await chosen.run({ ...options, directory: directory.path }), seed);
    }
  } else await Promise.all(Array.from({ length: lanes }, runLane));
  const hasRecoveryGoal = chosen.kind === "emulated";
  return { name, what: chosen.what, tries, recoveryMs, hasRecoveryGoal, ...counts };
}

type Outcome = Judgement & { recoveryMs: number };

/** Each try has new daemons, so that no try suffers from another one. */
async function tryEmulated(
  { settings = SHORT_LIMITS, places, prepare, strike, mayEnd, early }: EmulatedCase,
  { binary, seed, plant, logs }: CaseOptions,
): Promise<Outcome> {
  const random = createRandom(seed);
  await using held = new AsyncDisposableStack();
  const { path: directory } = held.use(await createTemporaryDirectory());
  const hasDetails = logs !== undefined;
  const wrap = (await prepare?.({ binary, directory, held })) ?? undefined;
  const stage = held.use(
    await openEmulatedStage({ binary, directory, random, plant, settings, places, hasDetails, wrap }),
  );
  const options = { random, firstNumber: 1, early };
  const { calls, recoveryMs } = await runTry(stage, (during) => strike(stage, { random, during }), options);
  const ledger = `${await stage.sides.host.ledger()}\n${await stage.sides.guest.ledger()}`;
  const judgement = judge({ calls, ledger, streamBytes: stage.streamBytes, mayEnd });
  if (logs !== undefined && judgement.faults.length > 0)
    for (const [role, side] of Object.entries(stage.sides))
      await Bun.write(`${logs}/${seed}.${role}.log`, side.log());
  return { ...judgement, recoveryMs };
}

/** All tries have one guest, because a boot takes long. */
async function tryMachine(
  { hasSnapshots = false, prepare, strike, mayEnd, mayRepeat }: MachineCase,
  { binary, seed, plant, tries }: CaseOptions,
): Promise<Outcome> {
  const random = createRandom(seed);
  await using held = new AsyncDisposableStack();
  const { path: directory } = held.use(await createTemporaryDirectory());
  const stage = held.use(await openMachineStage({ binary, directory, random, plant, hasSnapshots }));
  const calls: CallEnd[] = [];
  let recoveryMs = 0;
  for (let index = 0; index < tries; index++) {
    await prepare?.(stage);
    const options = { random, firstNumber: calls.length + 1 };
    const end = await runTry(stage, (during) => strike(stage, { random, during }), options);
    calls.push(...end.calls);
    recoveryMs = Math.max(recoveryMs, end.recoveryMs);
  }
  const ledger = `${await stage.sides.host.ledger()}\n${await stage.sides.guest.ledger()}`;
  return { ...judge({ calls, ledger, streamBytes: stage.streamBytes, mayEnd, mayRepeat }), recoveryMs };
}
