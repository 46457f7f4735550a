/** The program's own talk: one consola instance that writes to stderr, as text or as JSON lines. */
import { createConsola } from "consola/basic";
import type { ConsolaReporter, LogObject } from "consola/basic";
import { printable, printableJson } from "./printable.ts";

/** Silent to chatty; each `-v` goes one to the right, each `-q` one to the left. */
export const LOG_LEVELS = ["silent", "error", "warn", "info", "debug", "trace"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const LOG_FORMATS = ["text", "json"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** A time is for a log that nobody else dates, a priority for systemd's journal (sd-daemon(3)), which reads and removes it. */
export type LineBeginning = "nothing" | "time" | "priority";

/** Named values that go with a message; secrets in them, at any depth, are hidden, errors become their message. */
export type LogFields = Readonly<Record<string, unknown>>;

/** What a module uses to talk; made by `logFor`. */
export type Log = {
  readonly [level in Exclude<LogLevel, "silent">]: (message: string, fields?: LogFields) => void;
};

let lineBeginning: LineBeginning = "nothing";

const instance = createConsola({
  level: 3,
  stdout: process.stderr,
  stderr: process.stderr,
  // Consola folds equal lines into "(repeated n times)"; a log that is read by machines must have every line.
  throttle: -1,
  reporters: [{ log: (entry) => writeLine(formatText(entry)) }],
});

/** Sets level and format for the whole process. */
export function configureLog(options: { level: LogLevel; format: LogFormat }): void {
  instance.level = CONSOLA_LEVELS[options.level];
  const format = options.format === "json" ? formatJson : formatText;
  const reporter: ConsolaReporter = { log: (entry) => writeLine(format(entry)) };
  instance.setReporters([reporter]);
}

/** What lines of text begin with; those of JSON say all of it in themselves. */
export function beginLines(beginning: LineBeginning): void {
  lineBeginning = beginning;
}

/** The log of one module; `tag` is the module's name. */
export function logFor(tag: string): Log {
  const entry = (message: string, fields: LogFields = {}): { box: Entry } => ({
    box: { tag, message, fields },
  });
  return {
    error: (message, fields) => instance.error(entry(message, fields)),
    warn: (message, fields) => instance.warn(entry(message, fields)),
    info: (message, fields) => instance.info(entry(message, fields)),
    debug: (message, fields) => instance.debug(entry(message, fields)),
    trace: (message, fields) => instance.trace(entry(message, fields)),
  };
}

/** The level `steps` to the right (`-v`) or, when negative, to the left (`-q`) of `level`, within the table. */
export function shiftLevel(level: LogLevel, steps: number): LogLevel {
  const index = Math.min(Math.max(LOG_LEVELS.indexOf(level) + steps, 0), LOG_LEVELS.length - 1);
  return LOG_LEVELS[index] ?? level;
}

/** Consola's own numbers for our levels. */
const CONSOLA_LEVELS: Record<LogLevel, number> = {
  silent: -999,
  error: 0,
  warn: 1,
  info: 3,
  debug: 4,
  trace: 5,
};

/** Of syslog(3); the journal knows nothing below debug. */
const PRIORITIES = new Map([
  ["error", "<3>"],
  ["warn", "<4>"],
  ["info", "<6>"],
  ["debug", "<7>"],
  ["trace", "<7>"],
]);

/** What `logFor` hands to consola: in one box, because consola takes objects with a `message` apart. */
type Entry = { tag: string; message: string; fields: LogFields };

function formatText(line: LogObject): string {
  const { tag, message, fields } = entryOf(line);
  const tail = Object.entries(fields).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
  const lines = `${message}${tail.join("")}`.split("\n").map(printable);
  const priority = lineBeginning === "priority" ? (PRIORITIES.get(line.type) ?? "") : "";
  const time = lineBeginning === "time" ? `${line.date.toISOString()} ` : "";
  return `${priority}${time}${line.type.toUpperCase()} ${tag}: ${lines.join(`\n${priority}  `)}`;
}

function formatJson(line: LogObject): string {
  const { tag, message, fields } = entryOf(line);
  const own = { time: line.date.toISOString(), level: line.type, module: tag, message };
  const named = Object.entries(fields).map(([name, value]): [string, unknown] => {
    // A field neither replaces what every line has nor gets lost to it.
    return [Object.hasOwn(own, name) ? `fields.${name}` : name, value];
  });
  return printableJson(JSON.stringify({ ...own, ...Object.fromEntries(named) }));
}

function entryOf(line: LogObject): Entry {
  const { tag, message, fields }: Entry = line.args[0].box;
  const shown = Object.entries(fields).map(([name, value]) => [name, redact(name, value)]);
  return { tag, message, fields: Object.fromEntries(shown) };
}

/** Names whose values never reach a log. */
const SECRET = /password|passwd|secret|token|credential|private.?key/i;

/** Tables and lists are shown so deep: one that contains itself still makes a line. */
const DEPTH = 4;

/** The value as JSON can write it, for a log line must not fail for what it was given. */
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
