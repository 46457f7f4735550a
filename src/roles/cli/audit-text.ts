/** Writes an entry of the audit as a line for people. */
import type { ReadEntry } from "../../audit/read-entries.ts";
import { printable } from "../../printable.ts";
import { shellLine, shellWord } from "../../shell-word.ts";

/** Returns the line of a call that has ended or ran nothing, of a start without an end, or of a count. */
export function formatAuditEntry({ timeMs, members }: ReadEntry): string {
  const { event, direction } = members;
  const start = [
    formatTime(timeMs),
    (DIRECTIONS.get(text(direction)) ?? "").padEnd(5),
    peerOf(members).padEnd(PEER_WIDTH),
    userOf(members).padEnd(USER_WIDTH),
  ].join(" ");
  if (event === "left-out")
    return `${start} ${formatCounts(members, "leftOut", "calls are not written down")}`;
  if (event === "lost") return `${start} ${formatCounts(members, "lostLines", "lines are lost")}`;
  return `${start} ${callOf(members)}: ${outcomeOf(members)}`;
}

type Members = ReadEntry["members"];

const DIRECTIONS: ReadonlyMap<string, string> = new Map([
  ["incoming", "in"],
  ["outgoing", "out"],
  ["local", "local"],
]);
const PEER_WIDTH = 8;
const USER_WIDTH = 6;

/** Local time, because people compare it with their clock. */
function formatTime(timeMs: number): string {
  const date = new Date(timeMs);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

/** A name with blanks is quoted, because it could pass for the columns that follow. */
function peerOf({ peer }: Members): string {
  if (!isObject(peer)) return "-";
  return shellWord(text(peer["guest"], "host"));
}

function userOf({ user }: Members): string {
  if (!isObject(user)) return "-";
  return shellWord(text(user["name"], text(user["uid"], "-")));
}

/** The command with its arguments, or the method. */
function callOf({ method, command, arguments: args, argumentCount, argumentsClipped }: Members): string {
  if (typeof command !== "string") return printable(text(method, "call"));
  const words = Array.isArray(args) ? args.map((arg) => text(arg)) : [];
  const more = argumentsClipped === true ? " …" : "";
  const count = typeof argumentCount === "number" && more === "" ? ` (${argumentCount} arguments)` : "";
  return `${shellLine([command, ...words])}${more}${count}`;
}

/** How long ended calls took, and why they ended. 0.1.0 had other words. */
const ENDS: ReadonlyMap<string, string> = new Map([
  ["deadline", "its deadline passed"],
  ["timedOut", "its deadline passed"],
  ["limit", "a limit of this side ended it"],
  ["cancel", "cancelled"],
  ["cancelled", "cancelled"],
]);

function outcomeOf(members: Members): string {
  const { event, decision, rule, reason, exitCode, signal, endedBy, errorCode, problem, durationMs } =
    members;
  if (event === "start") return "has started";
  const first = firstLine(text(reason, text(problem)));
  const why = first === "" ? "" : `: ${first}`;
  if (decision === "denied") return `denied${typeof rule === "number" ? ` by rule ${rule}` : ""}${why}`;
  const took = typeof durationMs === "number" ? `, ${formatDuration(durationMs)}` : "";
  const end = ENDS.get(text(endedBy));
  const ended = end === undefined ? "" : `, ${end}`;
  if (typeof signal === "string") return `ended by ${printable(signal)}${ended}${took}`;
  if (typeof exitCode === "number") return `exit ${exitCode}${ended}${took}`;
  if (typeof errorCode === "string") return `${printable(errorCode)}${why}${took}`;
  return `${end ?? "answered"}${took}`;
}

function formatCounts(members: Members, key: "leftOut" | "lostLines", what: string): string {
  const { commands, otherCommands, since } = members;
  const names = isObject(commands)
    ? Object.entries(commands).map(([name, calls]) => `${shellWord(name)} ${text(calls)}`)
    : [];
  if (typeof otherCommands === "number") names.push(`other commands ${otherCommands}`);
  const list = names.length === 0 ? "" : ` (${names.join(", ")})`;
  return `${text(members[key])} ${what}, since ${printable(text(since, "an unknown time"))}${list}`;
}

function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 120_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}

function firstLine(message: string): string {
  return printable(message.split("\n", 1)[0] ?? "");
}

function text(value: unknown, fallback = ""): string {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : fallback;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
