/** The program's log: consola instances that write to stderr, as text or as JSON lines. */
import { createConsola, LogLevels } from "consola/core";
import type { ConsolaInstance, LogObject } from "consola/core";
import { isDiskFrozen, untilDiskThaws } from "./frozen-disk.ts";
import { printable, printableJson } from "./printable.ts";
import { standardOutput } from "./standard-output.ts";

/**
 * Names of consola's levels that a setting may have, from none to all. Each `-v` goes one to the right, `-q`
 * to the left.
 */
export const LOG_LEVELS = [
  "silent",
  "error",
  "warn",
  "info",
  "debug",
  "trace",
] as const satisfies (keyof typeof LogLevels)[];
/** One of `LOG_LEVELS`. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Text for people, or one JSON object per line. */
export const LOG_FORMATS = ["text", "json"] as const;
/** One of `LOG_FORMATS`. */
export type LogFormat = (typeof LOG_FORMATS)[number];

/** The start of a text line. systemd's journal reads the priority (sd-daemon(3)) and adds the time itself. */
export type LinePrefix = "none" | "time" | "priority";

/**
 * Named values of a message. Secrets in them are hidden at any depth, and errors are reduced to their
 * message.
 */
export type LogFields = Readonly<Record<string, unknown>>;

/** The log of one module, made by `logFor`: one function for each level. */
export type Log = {
  readonly [level in Exclude<LogLevel, "silent">]: (message: string, fields?: LogFields) => void;
};

let linePrefix: LinePrefix = "none";
let root = createRoot({ level: "info", format: "text" });
let instances = new Map<string, ConsolaInstance>();

/** Sets level and format for the whole process, also for logs that exist already. */
export function configureLog(options: { level: LogLevel; format: LogFormat }): void {
  root = createRoot(options);
  // A tagged instance has copies of the level and the reporters that it was made with.
  instances = new Map();
}

/** Sets what text lines start with. JSON lines always have time and level. */
export function setLinePrefix(prefix: LinePrefix): void {
  linePrefix = prefix;
}

/** Returns the log of one module. `tag` is the name of the module. */
export function logFor(tag: string): Log {
  return {
    error: (message, fields = {}) => taggedInstance(tag).error(message, fields),
    warn: (message, fields = {}) => taggedInstance(tag).warn(message, fields),
    info: (message, fields = {}) => taggedInstance(tag).info(message, fields),
    debug: (message, fields = {}) => taggedInstance(tag).debug(message, fields),
    trace: (message, fields = {}) => taggedInstance(tag).trace(message, fields),
  };
}

/**
 * Returns the level that is `steps` more verbose than `level`, or less verbose if negative. Stops at the last
 * level.
 */
export function shiftLevel(level: LogLevel, steps: number): LogLevel {
  const index = Math.min(Math.max(LOG_LEVELS.indexOf(level) + steps, 0), LOG_LEVELS.length - 1);
  return LOG_LEVELS[index] ?? level;
}

function createRoot({ level, format }: { level: LogLevel; format: LogFormat }): ConsolaInstance {
  const formatLine = format === "json" ? formatJson : formatText;
  return createConsola({
    level: LogLevels[level],
    // Consola would fold equal lines, but programs that read the log need each. -1 would fold some when the
    // clock is set back.
    throttle: Number.NEGATIVE_INFINITY,
    reporters: [{ log: (line) => writeBounded(`${formatLine(line)}\n`) }],
  });
}

/** A reader that stands still must not make the log fill the memory of the process. */
const MOST_WAITING = 1024 * 1024;
let waiting = 0;
let lostLines = 0;

/** Writes without a wait. Lines that come while too many wait for the reader are lost, and counted. */
function writeBounded(line: string): void {
  if (waiting > 0 && waiting + line.length > MOST_WAITING) {
    lostLines++;
    return;
  }
  const lost = lostLines;
  lostLines = 0;
  if (lost > 0) taggedInstance("log").warn(`${lost} lines are lost: the reader of the log stood still`, {});
  waiting += line.length;
  const written = (): void => void (waiting -= line.length);
  const write = (): Promise<boolean> => standardOutput.write("stderr", line);
  // Standard error may be a file.
  const writing = isDiskFrozen() ? untilDiskThaws().then(write) : write();
  writing.then(written, written);
}

function taggedInstance(tag: string): ConsolaInstance {
  const instance = instances.get(tag) ?? root.withTag(tag);
  instances.set(tag, instance);
  return instance;
}

/** Priorities of syslog(3). The journal has none below debug. */
const PRIORITIES = new Map([
  ["error", "<3>"],
  ["warn", "<4>"],
  ["info", "<6>"],
  ["debug", "<7>"],
  ["trace", "<7>"],
]);

function formatText(line: LogObject): string {
  const { message, fields } = contentOf(line);
  const tail = Object.entries(fields).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
  const lines = `${message}${tail.join("")}`.split("\n").map(printable);
  const priority = linePrefix === "priority" ? (PRIORITIES.get(line.type) ?? "") : "";
  const time = linePrefix === "time" ? `${line.date.toISOString()} ` : "";
  return `${priority}${time}${line.type.toUpperCase()} ${line.tag}: ${lines.join(`\n${priority}  `)}`;
}

function formatJson(line: LogObject): string {
  const { message, fields } = contentOf(line);
  const own = { time: line.date.toISOString(), level: line.type, module: line.tag, message };
  const named = Object.entries(fields).map(([name, value]): [string, unknown] => {
    // A field with the name of a standard member would replace it, so it gets a prefix.
    return [Object.hasOwn(own, name) ? `fields.${name}` : name, value];
  });
  return printableJson(JSON.stringify({ ...own, ...Object.fromEntries(named) }));
}

/** `logFor` always gives two arguments, because consola would take a single object apart. */
function contentOf({ args }: LogObject): { message: string; fields: LogFields } {
  const [message, fields]: [string, LogFields] = [args[0], args[1]];
  const shown = Object.entries(fields).map(([name, value]) => [name, redact(name, value)]);
  return { message, fields: Object.fromEntries(shown) };
}

const SECRET_NAME = /password|passwd|secret|token|credential|private.?key/i;
const MAX_DEPTH = 4;

/** Returns a value that JSON can write, also for a bigint or an object that contains itself. */
function redact(name: string, value: unknown, depth = 0): unknown {
  if (SECRET_NAME.test(name)) return "(hidden)";
  if (value instanceof Error) return value.message;
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  if (depth === MAX_DEPTH) return "(deeper)";
  if (Array.isArray(value)) return value.map((item) => redact("", item, depth + 1));
  const shown = Object.entries(value).map(([inner, item]) => [inner, redact(inner, item, depth + 1)]);
  return Object.fromEntries(shown);
}
