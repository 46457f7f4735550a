/** Makes one try: starts calls on both sides, disturbs them, and waits for their ends. */
import { setTimeout as delay } from "node:timers/promises";
import type { Random } from "../test/support/random.ts";
import { exitCodeOf, formatAttachment, formatLine } from "./call.ts";
import type { Call, CallEnd, CallKind, LineEnd, Role } from "./call.ts";
import type { ChaosStage, RunningLine } from "./stage.ts";

/** The calls that each side makes before the disturbance, if the case has no others. */
const EARLY: readonly CallKind[] = ["note", "note", "note", "raw", "text", "detached"];
const SIDES: readonly Role[] = ["host", "guest"];
const START_SPREAD_MS = 400;
const STRIKE_BELOW_MS = 1500;
const LONGEST_NOTE_SECONDS = 4;
const ATTACH_TRIES = 3;
/** A call that runs so long after its start and after the disturbance is endless. */
const ENDLESS_MS = 180_000;

/** The calls of a try with their ends, and the time until a new call of each side was answered. */
export type TryEnd = { calls: CallEnd[]; recoveryMs: number };

/**
 * Disturbs the stage. Calls `during` while the disturbance lasts, with the sides that can call then, and the
 * calls that each of them makes.
 */
export type Strike = (
  during: (sides?: readonly Role[], kinds?: readonly CallKind[]) => void,
) => Promise<void>;

/** Makes the calls, numbered from `firstNumber`, and the disturbance. */
export async function runTry(
  stage: ChaosStage,
  strike: Strike,
  { random, firstNumber, early = EARLY }: TryOptions,
): Promise<TryEnd> {
  const running: RunningCall[] = [];
  const { promise: over, resolve: isOver } = Promise.withResolvers<void>();
  const start = (kind: CallKind, from: Role): RunningCall => {
    const seconds = kind === "note" ? random.below(LONGEST_NOTE_SECONDS * 10) / 10 : 0;
    const call = startCall(stage, { number: firstNumber + running.length, kind, from }, { seconds, over });
    running.push(call);
    return call;
  };
  for (const kind of early) {
    for (const from of SIDES) start(kind, from);
    await delay(random.below(START_SPREAD_MS / early.length));
  }
  await delay(random.below(STRIKE_BELOW_MS));
  const earlyCount = running.length;
  const struckMs = performance.now();
  await strike((sides = SIDES, kinds = ["waiting"]) => {
    for (const kind of kinds) for (const from of sides) start(kind, from);
  });
  const backMs = performance.now();
  isOver();
  for (const from of SIDES) start("later", from);
  const calls = await Promise.all(
    running.map(async (each, index): Promise<CallEnd> => {
      const ended = await each.ended;
      const when = { madeMs: each.madeMs - struckMs, endedMs: endMsOf(ended) - struckMs };
      return { ...each.call, ended, wasInFlight: index < earlyCount && when.endedMs > 0, when };
    }),
  );
  const recoveryMs = Math.max(
    ...SIDES.map((from) => findRecovery(calls, { from, backMs }) - stage.quietMs[from]),
    0,
  );
  return { calls: await Promise.all(calls.map((call) => attach(stage, call))), recoveryMs };
}

/** `firstNumber`: of the calls. `early`: those that each side makes before the disturbance. */
export type TryOptions = { random: Random; firstNumber: number; early?: readonly CallKind[] | undefined };

type RunningCall = { call: Call; madeMs: number; ended: Promise<LineEnd> };

/** `over` resolves after the disturbance. */
type CallTimes = { seconds: number; over: Promise<void> };

function startCall(stage: ChaosStage, call: Call, { seconds, over }: CallTimes): RunningCall {
  const side = stage.sides[call.from];
  // A call that outlives its caller runs into the disturbance too.
  const length = call.kind === "detached" || call.kind === "hangup" ? LONGEST_NOTE_SECONDS : seconds;
  const line = formatLine(call, { ...side.words, seconds: length });
  return { call, madeMs: performance.now(), ended: endOf(side.run(line), stage, over) };
}

async function endOf(
  running: RunningLine,
  { slowness }: ChaosStage,
  over: Promise<void> = Promise.resolve(),
): Promise<LineEnd> {
  const abort = new AbortController();
  const ended = running.ended.then((end) => (end === "gone" ? end : { ...end, atMs: performance.now() }));
  const late = over
    .then(() => delay(ENDLESS_MS * slowness, undefined, { signal: abort.signal }))
    .catch(() => undefined);
  const first = await Promise.race([ended, late]);
  abort.abort();
  if (first === undefined) running.kill();
  return first;
}

/**
 * Returns how long after `backMs` the first of the side's new calls was answered, in milliseconds. If the
 * case ended them all, the first end counts.
 */
export function findRecovery(
  calls: readonly CallEnd[],
  { from, backMs }: { from: Role; backMs: number },
): number {
  const fresh = calls.filter(
    (call) => call.from === from && (call.kind === "waiting" || call.kind === "later"),
  );
  const answered = fresh.filter(
    ({ ended, number }) => typeof ended === "object" && ended.exitCode === exitCodeOf(number),
  );
  const ends = answered.length > 0 ? answered : fresh;
  const endsMs = ends.map(({ ended }) => endMsOf(ended)).filter((endMs) => endMs >= backMs);
  return Math.min(...endsMs) - backMs;
}

function endMsOf(ended: LineEnd): number {
  return typeof ended === "object" ? ended.atMs : Number.POSITIVE_INFINITY;
}

/** Attaches to a call that has outlived its caller. The result of `attach` is the call's. */
async function attach(stage: ChaosStage, call: CallEnd): Promise<CallEnd> {
  if (typeof call.ended !== "object") return call;
  const side = stage.sides[call.from];
  const line = formatAttachment(call, call.ended, side.words);
  if (line === undefined) return call;
  let ended = await endOf(side.run(line), stage);
  for (let tries = 1; tries < ATTACH_TRIES && asksToTryAgain(ended); tries++)
    ended = await endOf(side.run(line), stage);
  return { ...call, wasAccepted: true, ended };
}

/** A side that gets no processor time may not say within eight seconds whether it has the call. */
function asksToTryAgain(ended: LineEnd): boolean {
  return typeof ended === "object" && ended.exitCode === 125 && ended.stderr.includes("\nTry again.");
}
