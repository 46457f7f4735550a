/** A picture of a status: its lines for a terminal, and what goes to stderr. */
import { terminalWishes } from "../../config/terminal-wishes.ts";
import { printable } from "../../printable.ts";
import { standardOutput } from "../../standard-output.ts";
import { COLOURED, PLAIN } from "./paint.ts";
import type { Paint } from "./paint.ts";
import { formatStatusTable } from "./status-table.ts";
import type { StatusRow } from "./status-table.ts";
import { wrapText } from "./table.ts";

/** A status as it is now. */
export type StatusPicture = {
  /** The faults of the daemon itself, for above the table. Elsewhere they go to stderr. */
  problems: readonly string[];
  rows: readonly StatusRow[];
  /** For programs: one line for each row. */
  lines: readonly string[];
};

/** Writes what is wrong with the daemon to stderr, because stdout gets only the status. */
export async function warnOf(problems: readonly string[]): Promise<void> {
  for (const problem of problems)
    await standardOutput.write("stderr", `negotiator: ${problem.split("\n").map(printable).join("\n")}\n`);
}

/** Returns the lines of a screen: the problems, and the table. */
export function formatPicture(
  { problems, rows }: Pick<StatusPicture, "problems" | "rows">,
  title: string,
  width: number,
): string[] {
  const paint = wantedPaint();
  return [
    ...problems.flatMap((problem) => formatProblem(problem, width, paint)),
    ...(rows.length === 0 ? [] : formatStatusTable(rows, { title, width, paint, nowMs: Date.now() })),
  ];
}

/** Returns how this user wants text on a terminal. */
export function wantedPaint(): Paint {
  return terminalWishes().colours ? COLOURED : PLAIN;
}

/** The remedy is not indented, so that its command can be copied. */
function formatProblem(problem: string, width: number, paint: Paint): string[] {
  const [first = "", ...rest] = problem.split("\n").map(printable);
  const lines = wrapText(first, width, "  ").map((line) => paint(line, "red"));
  return [...lines, ...rest.flatMap((line) => wrapText(line, width))];
}
