/** Says on stderr how a fan-out goes on, and how it ended. */
import { printable } from "../../../printable.ts";
import { formatAge } from "../../cli/quantity.ts";
import { formatTable } from "../../cli/table.ts";
import type { TableForm } from "../../cli/table.ts";
import type { GuestResult } from "./guest-run.ts";

/** The counts of a fan-out that goes on. `running` are names of guests. */
export type Progress = {
  total: number;
  done: number;
  failed: number;
  running: Iterable<string>;
  elapsedMs: number;
};

/** Returns a line such as `12 of 300 done, 2 failed, 14 s: db1, db2`. */
export function formatProgress({ total, done, failed, running, elapsedMs }: Progress): string {
  const failures = failed === 0 ? "" : `, ${failed} failed`;
  const names = [...running].map(printable).join(", ");
  return `${done} of ${total} done${failures}, ${formatAge(elapsedMs)}${names === "" ? "" : `: ${names}`}`;
}

/** More rows are left to the sum: only the failures have one then. */
const MOST_ROWS = 40;

/** Returns the summary: a table of the guests, and a line with the sums. */
export function formatSummary(
  results: readonly GuestResult[],
  elapsedMs: number,
  form: Required<TableForm>,
): string[] {
  const sorted = results.toSorted((one, other) => (one.guest < other.guest ? -1 : 1));
  const rows = sorted.length > MOST_ROWS ? sorted.filter((result) => !isSuccess(result)) : sorted;
  const failed = sorted.filter((result) => !isSuccess(result)).length;
  const table = formatTable(
    [
      { title: "GUEST", cells: rows.map(({ guest }) => ({ text: printable(guest) })), leastWidth: 12 },
      {
        title: "RESULT",
        cells: rows.map((result) => ({
          text: explainResult(result),
          colour: isSuccess(result) ? ("green" as const) : ("red" as const),
        })),
        leastWidth: 12,
      },
      {
        title: "TIME",
        cells: rows.map(({ durationMs }) => ({ text: formatDuration(durationMs) })),
        isRight: true,
      },
    ],
    form,
  );
  const guests = sorted.length === 1 ? "1 guest" : `${sorted.length} guests`;
  const counts = `${sorted.length - failed} succeeded, ${failed} failed`;
  const sums = `${guests}: ${counts}, in ${formatDuration(elapsedMs)}`;
  return [...(rows.length === 0 ? [] : table), form.paint(sums, failed === 0 ? "green" : "red")];
}

/** Whether the command ran and ended with 0. */
export function isSuccess({ exitCode, error }: GuestResult): boolean {
  return exitCode === 0 && error === undefined;
}

function explainResult({ exitCode, signal, error }: GuestResult): string {
  if (error !== undefined) return printable(error.message.split("\n")[0] ?? "");
  if (signal !== null) return `ended by ${printable(signal)}`;
  return exitCode === 0 ? "ok" : `exit code ${exitCode}`;
}

function formatDuration(ms: number): string {
  return ms < 119_500 ? `${(ms / 1000).toFixed(1)} s` : formatAge(ms);
}
