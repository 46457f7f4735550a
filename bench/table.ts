/** Formats the results: as a table for people, and as JSON. Pure. */
import type { MachineFacts } from "./machine-facts.ts";
import { isMet, judgedOf, ratioOf } from "./row.ts";
import type { Measured } from "./row.ts";

const HEAD = ["row", "what", "figure", "yardstick", "ratio", "goal", ""] as const;
const RIGHT_ALIGNED: ReadonlySet<string> = new Set(["figure", "ratio"]);

/** Formats the rows with aligned columns. The last column says whether the row meets its goal. */
export function formatTable(measured: readonly Measured[]): string {
  const lines = [[...HEAD], ...measured.map(cellsOf)];
  const widths = HEAD.map((_, column) => Math.max(...lines.map((cells) => (cells[column] ?? "").length)));
  return lines
    .map((cells) =>
      cells
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return RIGHT_ALIGNED.has(HEAD[column] ?? "") ? cell.padStart(width) : cell.padEnd(width);
        })
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Returns the results as one JSON value. */
export function toJson(facts: MachineFacts, measured: readonly Measured[]): unknown {
  return {
    ...facts,
    rows: measured.map((each) => ({
      ...each.row,
      yardstick: undefined,
      yardstickName: each.row.yardstick,
      ...each.measurement,
      ratio: ratioOf(each.measurement),
      judgedFigure: judgedOf(each),
      isMet: isMet(each),
    })),
  };
}

/** Formats a figure with about three digits. */
export function formatFigure(figure: number): string {
  if (Math.abs(figure) >= 100) return figure.toFixed(0);
  return figure.toFixed(Math.abs(figure) >= 10 ? 1 : 2);
}

function cellsOf(each: Measured): string[] {
  const { row, measurement } = each;
  if ("skipped" in measurement)
    return [row.name, row.what, "-", "", "", formatGoal(each), `skipped: ${firstLine(measurement.skipped)}`];
  if ("failed" in measurement)
    return [row.name, row.what, "-", "", "", formatGoal(each), `FAILED: ${firstLine(measurement.failed)}`];
  const ratio = ratioOf(measurement);
  const met = isMet(each);
  return [
    row.name,
    row.what,
    `${formatFigure(measurement.figure)} ${row.unit}`,
    measurement.yardstick === undefined
      ? ""
      : `${formatFigure(measurement.yardstick)} ${row.unit}, ${row.yardstick ?? ""}`,
    ratio === undefined ? "" : formatFigure(ratio),
    formatGoal(each),
    met === undefined ? "" : met ? "met" : "MISSED",
  ];
}

function formatGoal({ row: { goal, better, judged, unit } }: Measured): string {
  if (goal === undefined) return "";
  return `${better === "more" ? ">=" : "<="} ${goal}${judged === "ratio" ? "" : ` ${unit}`}`;
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? "";
}
