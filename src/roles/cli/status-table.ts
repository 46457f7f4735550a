/** Shows the status of peers as a table on a terminal. */
import { printable } from "../../printable.ts";
import type { PeerStatus } from "../daemon/link-status.ts";
import type { Colour, Paint } from "./paint.ts";
import { formatAge, formatBytes, formatRoundTrip } from "./quantity.ts";
import { formatTable, wrapText } from "./table.ts";
import type { Cell, Column } from "./table.ts";

/** A row: a peer, and what to say below it. */
export type StatusRow = Omit<PeerStatus, "since"> & {
  name: string;
  since: string | null;
  /** More lines for below the row, such as a quota that the peer exceeds. */
  remarks: readonly string[];
};

/** The form of the table. `title` heads the names. */
export type StatusForm = { title: string; width: number; paint: Paint; nowMs: number };

/** Returns the lines of the table. Below a row stand its last error and its remarks. */
export function formatStatusTable(rows: readonly StatusRow[], form: StatusForm): string[] {
  const [titles = "", ...lines] = formatTable(columnsOf(rows, form), form);
  return [
    form.paint(titles, "bold"),
    ...rows.flatMap((row, index) => [lines[index] ?? "", ...formatBelow(row, form)]),
  ];
}

function columnsOf(rows: readonly StatusRow[], { title, nowMs }: StatusForm): Column[] {
  const column = (name: string, cellOf: (row: StatusRow) => Cell, more: Partial<Column> = {}): Column => ({
    title: name,
    cells: rows.map(cellOf),
    ...more,
  });
  const figure = (name: string, textOf: (row: StatusRow) => string, rank: number): Column =>
    column(name, (row) => ({ text: textOf(row) }), { isRight: true, rank });
  return [
    column(title, ({ name }) => ({ text: printable(name) }), { leastWidth: 14 }),
    column("STATE", ({ state }) => ({ text: printable(state), colour: colourOf(state) })),
    figure("SINCE", ({ since }) => (since === null ? "" : formatAge(nowMs - Date.parse(since))), 1),
    column("AGENT", agentOf, { rank: 2 }),
    figure("PING", ({ roundTripMs }) => (roundTripMs === null ? "" : formatRoundTrip(roundTripMs)), 5),
    figure("RUN", ({ calls }) => String(calls.outgoing + calls.incoming), 3),
    figure("DONE", ({ callsDone }) => String(callsDone.outgoing + callsDone.incoming), 4),
    figure("IN", ({ bytes }) => formatBytes(bytes.in), 6),
    figure("OUT", ({ bytes }) => formatBytes(bytes.out), 7),
  ];
}

/** A foreign dialect has no version. */
function agentOf({ dialect, version }: StatusRow): Cell {
  if (dialect === null) return { text: "" };
  if (version === null) return { text: printable(dialect) };
  return { text: `${printable(dialect)} ${printable(version)}`, short: printable(version) };
}

function formatBelow({ lastError, remarks }: StatusRow, { width, paint }: StatusForm): string[] {
  const error = lastError === null ? [] : [`last error: ${lastError}`];
  return [...error, ...remarks].flatMap((text) =>
    text
      .split("\n")
      .flatMap((line) => wrapText(printable(line), Math.max(10, width - 2), "  "))
      .map((line) => `  ${paint(line, "dim")}`),
  );
}

/** The states of `status`, by how much they matter: `good`, `idle` (an administrator wants it so), `bad`. */
export function judgeState(state: string): "good" | "idle" | "waiting" | "bad" {
  if (state === "unresponsive") return "bad";
  if (state === "waiting") return "waiting";
  return state === "paused" || state === "saved" || state === "shut off" ? "idle" : "good";
}

function colourOf(state: string): Colour {
  return ({ good: "green", idle: "dim", waiting: "yellow", bad: "red" } as const)[judgeState(state)];
}
