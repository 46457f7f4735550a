/** Makes one try: starts calls on both sides, disturbs them, and waits for their ends. */
import { setTimeout as delay } from "node:timers/promises";
import type { Random } from "../test/support/random.ts";
import { formatLine } from "./call.ts";
import type { Call, CallEnd, CallKind, Role } from "./call.ts";
import type { ChaosStage, RunningLine } from "./stage.ts";

/** The calls that each side makes before the disturbance. */
const EARLY: readonly CallKind[] = ["note", "note", "note", "raw", "text", "detached"];
const SIDES: readonly Role[] = ["host", "guest"];
const START_SPREAD_MS = 400;
const STRIKE_BELOW_MS = 1500;
const LONGEST_NOTE_SECONDS = 4;
/** A call that runs so long after the disturbance is endless. */
const ENDLESS_MS = 60_000;

/** The calls of a try with their ends, and the longest time until a `later` call was answered. */
export type TryEnd = { calls: CallEnd[]; struckMs: number; recoveryMs: number };

/** Makes the calls, and the disturbance `strike`. */
export async function runTry(
  stage: ChaosStage,
  strike: (during: () => void) => Promise<void>,
  random: Random,
): Promise<TryEnd> {
  const running: RunningCall[] = [];
  const start = (kind: CallKind, from: Role): RunningCall => {
    const seconds = kind === "note" ? random.below(LONGEST_NOTE_SECONDS * 10) / 10 : 0;
    const call = startCall(stage, { number: running.length + 1, kind, from }, seconds);
    running.push(call);
    return call;
  };
  for (const kind of EARLY) {
    for (const from of SIDES) start(kind, from);
    await delay(random.below(START_SPREAD_MS / EARLY.length));
  }
  await delay(random.below(STRIKE_BELOW_MS));
  const struckMs = performance.now();
  await strike(() => {
    for (const from of SIDES) start("waiting", from);
  });
  const backMs = performance.now();
  const later = SIDES.map((from) => start("later", from));
  const calls = await Promise.all(running.map(({ ended }) => ended));
  const ends = await Promise.all(later.map(({ ended }) => ended));
  const recoveryMs = Math.max(...ends.map(({ ended }) => (ended?.atMs ?? Number.POSITIVE_INFINITY) - backMs));
  return { calls: await Promise.all(calls.map((call) => attach(stage, call))), struckMs, recoveryMs };
}

type RunningCall = { ended: Promise<CallEnd> };

function startCall(stage: ChaosStage, call: Call, seconds: number): RunningCall {
  const side = stage.sides[call.from];
  const startedMs = performance.now();
  const running = side.run(formatLine(call, { ...side.words, seconds: lengthOf(call, seconds) }));
  const follow = async (): Promise<CallEnd> => ({ ...call, startedMs, ended: await endOf(running) });
  return { ended: follow() };
}

/** A detached call runs into the disturbance too. */
function lengthOf({ kind }: Call, seconds: number): number {
  return kind === "detached" ? LONGEST_NOTE_SECONDS : seconds;
}

async function endOf(running: RunningLine): Promise<CallEnd["ended"]> {
  const abort = new AbortController();
  const late = delay(ENDLESS_MS, undefined, { signal: abort.signal }).catch(() => undefined);
  const ended = await Promise.race([running.ended, late]);
  abort.abort();
  if (ended === undefined) running.kill();
  return ended && { ...ended, atMs: performance.now() };
}

/** Attaches to a detached call, whose caller has only its id. The result of `attach` is the call's. */
async function attach(stage: ChaosStage, call: CallEnd): Promise<CallEnd> {
  if (call.kind !== "detached" || call.ended?.exitCode !== 0) return call;
  const side = stage.sides[call.from];
  const id = call.ended.stdout.trim();
  return { ...call, ended: await endOf(side.run(`${side.words.program} attach ${id}`)) };
}
