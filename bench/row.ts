/** Owns rows: what a row measures, its goal, and whether a result meets it. Pure. */

/** The part of the bench that measures a row; rows of one family share their rounds. */
export type FamilyName =
  | "bulk"
  | "virtual-machine"
  | "calls"
  | "starts"
  | "guest-agent"
  | "idle-guest"
  | "many-guests"
  | "slow-reader"
  | "replacement";

/** One line of the table. */
export type Row = {
  name: string;
  family: FamilyName;
  /** The thing that was measured, in a few words. */
  what: string;
  /** The unit of our figure and of the yardstick's. */
  unit: string;
  /** The yardstick in a few words; undefined if the row has none. */
  yardstick?: string;
  /** Which figure the goal is about: ours, or ours divided by the yardstick's. */
  judged: "figure" | "ratio";
  /** Which figures are better. */
  better: "more" | "less";
  /** The least or the most that is good enough; undefined for information. */
  goal?: number;
  /** Figures below this one are noise: the comparison with the baseline takes them for this one. */
  floor?: number;
};

/** The result of a row: our figure and the yardstick's, or why there is none. */
export type Measurement = { figure: number; yardstick?: number } | { skipped: string } | { failed: string };

/** A row with its result. */
export type Measured = { row: Row; measurement: Measurement };

/** Our figure divided by the yardstick's; undefined without a yardstick. */
export function ratioOf(measurement: Measurement): number | undefined {
  if (!("figure" in measurement) || measurement.yardstick === undefined) return undefined;
  return measurement.figure / measurement.yardstick;
}

/** The figure that the goal is about; undefined without a result. */
export function judgedOf({ row, measurement }: Measured): number | undefined {
  if (!("figure" in measurement)) return undefined;
  return row.judged === "ratio" ? ratioOf(measurement) : measurement.figure;
}

/** Whether the row meets its goal; undefined without a goal or a result. */
export function isMet(measured: Measured): boolean | undefined {
  const { goal, better } = measured.row;
  const judged = judgedOf(measured);
  if (goal === undefined || judged === undefined) return undefined;
  return better === "more" ? judged >= goal : judged <= goal;
}
