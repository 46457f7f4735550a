/** Owns the goals of the attacks, and the table of figures. Pure. */
import type { Figures } from "./run-case.ts";

/** Most milliseconds of 99 in 100 calls, and most megabytes of the daemon. */
export const GOALS = { p99Ms: 100, peakMb: 150 } as const;

/** Returns a line for each goal that the figures miss. */
export function findMisses({ name, p99, peakMb, failed }: Figures): string[] {
  return [
    ...(failed > 0 ? [`${name}: ${failed} calls failed`] : []),
    ...(p99 < GOALS.p99Ms ? [] : [`${name}: p99 is ${format(p99)} ms, not below ${GOALS.p99Ms}`]),
    ...(peakMb < GOALS.peakMb
      ? []
      : [`${name}: the daemon took ${format(peakMb)} MB, not below ${GOALS.peakMb}`]),
  ];
}

/** Returns the heading of the table. */
export function formatHeading(): string {
  return formatColumns(["case", "p50 ms", "p99 ms", "longest", "failed", "peak MB", "sent MB", "", "what"]);
}

/** Returns one line of the table. */
export function formatFigures(figures: Figures): string {
  const { name, what, p50, p99, longest, failed, peakMb, sentMb } = figures;
  const verdict = findMisses(figures).length === 0 ? "ok" : "MISSED";
  return formatColumns([
    name,
    ...[p50, p99, longest].map(format),
    String(failed),
    format(peakMb),
    format(sentMb),
    verdict,
    what,
  ]);
}

const WIDTHS = [20, 8, 8, 8, 7, 8, 8, 7, 0];

function formatColumns(cells: readonly string[]): string {
  return cells
    .map((cell, column) => {
      const width = WIDTHS[column] ?? 0;
      return column === 0 || column > 6 ? cell.padEnd(width) : cell.padStart(width);
    })
    .join(" ")
    .trimEnd();
}

function format(figure: number): string {
  if (!Number.isFinite(figure)) return "never";
  return figure < 10 ? figure.toFixed(1) : figure.toFixed(0);
}
