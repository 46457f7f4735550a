/** Owns the goals of chaos, and the table of its figures. Pure. */
import { addCounts, NO_COUNTS } from "./judge.ts";
import type { Counts } from "./judge.ts";

/**
 * The figures of one case. `recoveryMs`: the longest time from the end of a disturbance to the answer of a
 * new call.
 */
export type ChaosFigures = Counts & {
  name: string;
  what: string;
  tries: number;
  recoveryMs: number;
  /** Whether the recovery has a goal. In an emulated guest the starts of programs decide it. */
  hasRecoveryGoal: boolean;
};

/** The longest recovery, in milliseconds. All faults must be 0. */
export const RECOVERY_MS = 2000;

/** Adds the figures of more tries of the same case. */
export function addFigures(first: ChaosFigures, second: ChaosFigures): ChaosFigures {
  return {
    ...first,
    ...addCounts(first, second),
    tries: first.tries + second.tries,
    recoveryMs: Math.max(first.recoveryMs, second.recoveryMs),
  };
}

/** Returns the figures of all cases together. The recovery is the longest one that has a goal. */
export function sumFigures(cases: readonly ChaosFigures[]): ChaosFigures {
  const none: ChaosFigures = {
    ...NO_COUNTS,
    name: "all",
    what: `${cases.length} cases`,
    tries: 0,
    recoveryMs: 0,
    hasRecoveryGoal: true,
  };
  return cases.reduce(
    (sum, figures) => addFigures(sum, figures.hasRecoveryGoal ? figures : { ...figures, recoveryMs: 0 }),
    none,
  );
}

/** Returns a line for each goal that the figures miss. */
export function findMisses(figures: ChaosFigures): string[] {
  const { name, tries, recoveryMs, hasRecoveryGoal } = figures;
  return [
    ...(tries === 0 ? [`${name}: no try came to its end`] : []),
    ...(["lost", "doubled", "endless", "wrong"] as const).flatMap((fault) =>
      figures[fault] > 0 ? [`${name}: ${figures[fault]} calls ${fault}`] : [],
    ),
    ...(hasRecoveryGoal && recoveryMs > RECOVERY_MS
      ? [`${name}: a call took ${formatMs(recoveryMs)} afterwards, more than ${formatMs(RECOVERY_MS)}`]
      : []),
  ];
}

/** Returns the heading of the table. */
export function formatHeading(): string {
  return formatColumns([
    "case",
    "tries",
    "calls",
    "in flight",
    "ended",
    "lost",
    "doubled",
    "endless",
    "wrong",
    "recovery",
    "",
    "what",
  ]);
}

/** Returns one line of the table. */
export function formatFigures(figures: ChaosFigures): string {
  const { name, what, tries, calls, inFlight, ended, lost, doubled, endless, wrong, recoveryMs } = figures;
  return formatColumns([
    name,
    ...[tries, calls, inFlight, ended, lost, doubled, endless, wrong].map(String),
    formatMs(recoveryMs),
    findMisses(figures).length === 0 ? "ok" : "MISSED",
    what,
  ]);
}

const WIDTHS = [20, 6, 6, 9, 6, 5, 8, 8, 6, 9, 7, 0];
const FIRST_WORDS = 10;

function formatColumns(cells: readonly string[]): string {
  return cells
    .map((cell, column) => {
      const width = WIDTHS[column] ?? 0;
      return column === 0 || column >= FIRST_WORDS ? cell.padEnd(width) : cell.padStart(width);
    })
    .join(" ")
    .trimEnd();
}

function formatMs(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
