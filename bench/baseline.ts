/** Compares results with a baseline: the judged figure of each row in an earlier run. */
import { judgedOf } from "./row.ts";
import type { Measured } from "./row.ts";
import { formatFigure } from "./table.ts";

/** The judged figure of each row by name. */
export type Baseline = Readonly<Record<string, number>>;

/** A row may be this many times as bad as in the baseline. */
const WORST_FACTOR = 2;

/**
 * Returns a line for each row that is more than twice as bad, or that failed. Skipped rows are not compared.
 */
export function findRegressions(measured: readonly Measured[], baseline: Baseline): string[] {
  return measured.flatMap((each) => {
    const { row, measurement } = each;
    if ("failed" in measurement) return [`${row.name}: failed`];
    const judged = judgedOf(each);
    const before = baseline[row.name];
    if (judged === undefined || before === undefined) return [];
    const { better, floor = 0 } = row;
    const [worse, good] = better === "more" ? [before, judged] : [judged, before];
    if (Math.max(worse, floor) <= WORST_FACTOR * Math.max(good, floor)) return [];
    return [`${row.name}: ${formatFigure(judged)}, in the baseline ${formatFigure(before)}`];
  });
}

/** Returns the baseline with the results of this run; rows without a result keep their older figure. */
export function renewBaseline(baseline: Baseline, measured: readonly Measured[]): Baseline {
  const renewed: Record<string, number> = { ...baseline };
  for (const each of measured) {
    const judged = judgedOf(each);
    if (judged !== undefined) renewed[each.row.name] = Number(judged.toPrecision(3));
  }
  return renewed;
}

/** Parses the text of a baseline file. Throws for anything but an object of numbers. */
export function parseBaseline(text: string): Baseline {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null) throw new Error("The baseline is not an object");
  return Object.fromEntries(
    Object.entries(value).map(([name, figure]) => {
      if (typeof figure !== "number") throw new Error(`The baseline has no number for "${name}"`);
      return [name, figure];
    }),
  );
}
