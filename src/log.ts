/** Writes the program's log to stderr, as text or as JSON lines. */
import { createConsola, LogLevels } from "consola/core";
import type { ConsolaInstance, ConsolaReporter, LogObject, LogType } from "consola/core";
import { printable, printableJson } from "./printable.ts";

/** The levels from quiet to chatty: each `-v` goes one to the right, each `-q` one to the left. */
export const LOG_LEVELS = ["silent", "error", "warn", "info", "debug", "trace"] as const satisfies LogType[];

/** A level from `LOG_LEVELS`. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The formats of a log line. */
export const LOG_FORMATS = ["text", "json"] as const;

/** A format from `LOG_FORMATS`. */
export type LogFormat = (typeof LOG_FORMATS)[number];

/** The start of a text line. systemd's journal reads the priority `<N>` and removes it: sd-daemon(3). */
export type LineBeginning = "nothing" | "time" | "priority";

/** Named values of a log line. Secrets in them are hidden at any depth; an error is shown as its message. */
export type LogFields = Readonly<Record<string, unknown>>;

/** The log of one module, one function for each level. */
export type Log = {
  readonly [level in Exclude<LogLevel, "silent">]: (message: string, fields?: LogFields) => void;
};

let lineBeginning: LineBeginning = "nothing";

const REPORTERS: Record<LogFormat, ConsolaReporter> = {
  text: { log: (line) => writeLine(formatText(line)) },
  json: { log: (line) => writeLine(formatJson(line)) },
};

const root = createConsola({
  level: LogLevels.info,
  // Consola folds equal lines into "(repeated n times)", but programs that read a log need every line.
  throttle: Number.NEGATIVE_INFINITY,
  reporters: [REPORTERS.text],
});

const taggedLogs = new Map<string, ConsolaInstance>();

/** Sets the level and the format of every module's log, also of those that exist already. */
export function configureLog(options: { level: LogLevel; format: LogFormat }): void {
  // A tagged instance of consola is a copy, so it does not follow changes of the root.
  for (const instance of [root, ...taggedLogs.values()]) {
    instance.level = LogLevels[options.level];
    instance.setReporters([REPORTERS[options.format]]);
  }
}

/** Sets how text lines begin. JSON lines have their time and level as members. */
export function beginLines(beginning: LineBeginning): void {
  lineBeginning = beginning;
}

/** Returns the log of the module `tag`. Equal tags share one log, and all follow `configureLog`. */
export function logFor(tag: string): Log {
  const existing = taggedLogs.get(tag);
  if (existing !== undefined) return existing;
  const tagged = root.withTag(tag);
  taggedLogs.set(tag, tagged);
  return tagged;
}

/** Returns the level that is `steps` after `level` in `LOG_LEVELS`, before it if negative, at most an end. */
export function shiftLevel(level: LogLevel, steps: number): LogLevel {
  const index = Math.min(Math.max(LOG_LEVELS.indexOf(level) + steps, 0), LOG_LEVELS.length - 1);
  return LOG_LEVELS[index] ?? level;
}

/** The priorities of syslog(3), which has none below debug. */
const PRIORITIES: Readonly<Partial<Record<LogType, string>>> = {
  error: "<3>",
  warn: "<4>",
  info: "<6>",
  debug: "<7>",
  trace: "<7>",
};

function formatText(line: LogObject): string {
  const { message, fields } = contentOf(line);
  const tail = Object.entries(fields).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
  const lines = `${message}${tail.join("")}`.split("\n").map(printable);
  const priority = lineBeginning === "priority" ? (PRIORITIES[line.type] ?? "") : "";
  const time = lineBeginning === "time" ? `${line.date.toISOString()} ` : "";
  return `${priority}${time}${line.type.toUpperCase()} ${line.tag}: ${lines.join(`\n${priority}  `)}`;
}

function formatJson(line: LogObject): string {
  const { message, fields } = contentOf(line);
  const own = { time: line.date.toISOString(), level: line.type, module: line.tag, message };
  // A field must not replace a member that every line has, so such a field is renamed.
  const named = Object.entries(fields).map(([name, value]): [string, unknown] => [
    Object.hasOwn(own, name) ? `fields.${name}` : name,
    value,
  ]);
  return printableJson(JSON.stringify({ ...own, ...Object.fromEntries(named) }));
}

function contentOf(line: LogObject): { message: string; fields: LogFields } {
  const message: string = line.args[0];
  const fields: LogFields = line.args[1] ?? {};
  const shown = Object.entries(fields).map(([name, value]) => [name, redact(name, value)]);
  return { message, fields: Object.fromEntries(shown) };
}

/** Values of these names never reach a log. */
const SECRET = /password|passwd|secret|token|credential|private.?key/i;

/** Deeper tables and lists are not shown, so that one that contains itself can be written. */
const DEPTH = 4;

/** JSON cannot write every value and a log line must not fail, so each becomes one that it can write. */
function redact(name: string, value: unknown, depth = 0): unknown {
  if (SECRET.test(name)) return "(hidden)";
  if (value instanceof Error) return value.message;
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  if (depth === DEPTH) return "(deeper)";
  if (Array.isArray(value)) return value.map((item) => redact("", item, depth + 1));
  const shown = Object.entries(value).map(([inner, item]) => [inner, redact(inner, item, depth + 1)]);
  return Object.fromEntries(shown);
}

function writeLine(line: string): void {
  process.stderr.write(`${line}\n`);
}
