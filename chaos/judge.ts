/** Judges the calls of a try by what their callers got and by what their commands wrote down. Pure. */
import { exitCodeOf, isRightBeginning, isRightOutput } from "./call.ts";
import type { CallEnd, JudgedCall } from "./call.ts";

/**
 * How many calls had which fault. `lost`: the command finished, or had to, and its caller got no result.
 * `doubled`: the command ran twice. `endless`: the call did not end. `wrong`: another exit code, other bytes,
 * or an end that says less than is known. `ended`: the case may end such calls, and the caller got an error.
 */
export type Counts = {
  calls: number;
  inFlight: number;
  lost: number;
  doubled: number;
  endless: number;
  wrong: number;
  ended: number;
};

/** The counts of no calls. */
export const NO_COUNTS: Counts = {
  calls: 0,
  inFlight: 0,
  lost: 0,
  doubled: 0,
  endless: 0,
  wrong: 0,
  ended: 0,
};

/** Counts and one line for each fault. */
export type Judgement = { counts: Counts; faults: string[] };

/**
 * `ledger`: the lines of both sides. `mayEnd`: whether the case may end that call without its result.
 * `mayRepeat`: whether its command may run again, because the guest's memory knows nothing of the first time.
 */
export type TryFacts = {
  calls: readonly CallEnd[];
  ledger: string;
  streamBytes: number;
  mayEnd: (call: JudgedCall) => boolean;
  mayRepeat?: ((call: JudgedCall) => boolean) | undefined;
};

/** Compares the sets of started, run and answered calls. */
export function judge({ calls, ledger, streamBytes, mayEnd, mayRepeat }: TryFacts): Judgement {
  const runs = readLedger(ledger);
  const counts = { ...NO_COUNTS };
  const faults: string[] = [];
  for (const call of calls) {
    counts.calls++;
    if (call.wasInFlight) counts.inFlight++;
    const run = runs.get(call.number) ?? { begun: 0, done: 0 };
    const judged = { ...call, hasBegun: run.begun > 0 };
    for (const fault of faultsOf(call, run, { streamBytes, mayEnd: mayEnd(judged) })) {
      if (fault === "doubled" && mayRepeat?.(call) === true) continue;
      counts[fault]++;
      if (fault !== "ended") faults.push(`${fault}: ${describe(call, run)}`);
    }
  }
  const started = new Set(calls.map(({ number }) => number));
  for (const number of runs.keys()) {
    if (started.has(number)) continue;
    counts.wrong++;
    faults.push(`wrong: call ${number} was run and never made`);
  }
  return { counts, faults };
}

/** Adds counts. */
export function addCounts(first: Counts, second: Counts): Counts {
  return {
    calls: first.calls + second.calls,
    inFlight: first.inFlight + second.inFlight,
    lost: first.lost + second.lost,
    doubled: first.doubled + second.doubled,
    endless: first.endless + second.endless,
    wrong: first.wrong + second.wrong,
    ended: first.ended + second.ended,
  };
}

type Run = { begun: number; done: number };
type Fault = "lost" | "doubled" | "endless" | "wrong" | "ended";

function readLedger(text: string): Map<number, Run> {
  const runs = new Map<number, Run>();
  for (const [, number, step] of text.matchAll(/^(\d+) (begun|done)\r?$/gm)) {
    const run = runs.get(Number(number)) ?? { begun: 0, done: 0 };
    if (step === "begun") run.begun++;
    else run.done++;
    runs.set(Number(number), run);
  }
  return runs;
}

/** An error of negotiator that leaves open whether the command has run to its end. */
const ADMITS_UNKNOWN = /unknown|may still run|may have run|not known/i;
/** Exit codes of a command that a stopping daemon has ended: by SIGTERM, SIGKILL or SIGHUP. */
const ENDED_BY_SIGNAL: ReadonlySet<number> = new Set([128 + 15, 128 + 9, 128 + 1]);

function faultsOf(call: CallEnd, run: Run, facts: { streamBytes: number; mayEnd: boolean }): Fault[] {
  const faults: Fault[] = run.begun > 1 || run.done > 1 ? ["doubled"] : [];
  if (call.ended === undefined) return [...faults, "endless"];
  if (call.ended === "gone") return [...faults, facts.mayEnd ? "ended" : "lost"];
  const { exitCode, stdout, stderr } = call.ended;
  if (exitCode === exitCodeOf(call.number)) {
    const isRight = isRightOutput(call, stdout, facts.streamBytes) && run.begun > 0 && run.done > 0;
    return isRight ? faults : [...faults, "wrong"];
  }
  const isCut = exitCode === 125 || ENDED_BY_SIGNAL.has(exitCode);
  if (!isCut) return [...faults, "wrong"];
  if (!facts.mayEnd) return [...faults, "lost"];
  const isHonest =
    isRightBeginning(call, stdout) &&
    stderr !== "" &&
    (exitCode === 125 ? run.begun === 0 || ADMITS_UNKNOWN.test(stderr) : run.done === 0);
  return [...faults, isHonest ? "ended" : "wrong"];
}

function describe({ number, kind, from, ended, when }: CallEnd, { begun, done }: Run): string {
  const end =
    ended === undefined || ended === "gone"
      ? (ended ?? "did not end")
      : `got ${ended.exitCode} instead of ${exitCodeOf(number)}, ` +
        `${JSON.stringify(ended.stdout.slice(0, 80))} and ${JSON.stringify(ended.stderr.slice(0, 300))}`;
  const span =
    when === undefined ? "" : `, made at ${seconds(when.madeMs)} and ended at ${seconds(when.endedMs)}`;
  return `${kind} call ${number} of the ${from} (begun ${begun} times, done ${done} times${span}) ${end}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
