/** Reads TOML that an administrator wrote, and checks it. Every problem is named with its place. */
import { parse, TomlError } from "smol-toml";
import * as v from "valibot";
import { NegotiatorError } from "./errors.ts";
import type { FaultCode } from "./errors.ts";
import { printable } from "./printable.ts";
import { describeProblem, isTable } from "./problems.ts";

/**
 * Reads `text` as TOML and checks it against `schema`. `source` names the file in messages.
 * Throws `BAD_CONFIG`, with one line for each problem.
 */
export function parseStrictToml<Schema extends v.GenericSchema>(
  schema: Schema,
  text: string,
  source: string,
): v.InferOutput<Schema> {
  return checkStrict(schema, parseToml(text, source), source);
}

/**
 * Reads `text` as TOML, without a check of its keys and values. Throws `BAD_CONFIG` with the line and the
 * column, and without any part of the text: with `--config` somebody could make root show a secret file.
 */
export function parseToml(text: string, source: string): Record<string, unknown> {
  try {
    return parse(text, { maxDepth: MAX_DEPTH });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const { line, column, message } = error;
    const place = `line ${line}, column ${column}`;
    throw new NegotiatorError(
      "BAD_CONFIG",
      `Cannot use ${printable(source)}: ${place}: ${describeSyntax(message)}`,
    );
  }
}

/** Checks a parsed value. Throws as `parseStrictToml` does, or with another code. */
export function checkStrict<Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  source: string,
  code: FaultCode = "BAD_CONFIG",
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, onlyTables(schema, value), { message: "" });
  if (result.success) return result.output;
  const issues = result.issues.filter((issue, index, all) => !isRepeat(issue, all[index - 1]));
  const shown = issues.slice(0, MAX_PROBLEMS).map((issue) => describeProblem(schema, value, issue));
  const more = issues.length - shown.length;
  const problems = [...shown.map(printable), ...(more > 0 ? [`and ${more} more`] : [])];
  throw new NegotiatorError(code, `Cannot use ${printable(source)}:\n  ${problems.join("\n  ")}`);
}

/** One value can fail several checks, and one line has all that is needed. */
function isRepeat(issue: Issue, before: Issue | undefined): boolean {
  if (issue.message !== "" || before?.message !== "") return false;
  const keys = keysOf(issue);
  const keysBefore = keysOf(before);
  return keys.length === keysBefore.length && keys.every((key, index) => key === keysBefore[index]);
}

type Issue = v.BaseIssue<unknown>;

function keysOf({ path }: Issue): unknown[] {
  return (path ?? []).map(({ key }) => key);
}

const MAX_PROBLEMS = 20;
/** The parser calls itself for each list and inline table inside another. */
const MAX_DEPTH = 64;

function describeSyntax(message: string): string {
  const [first = ""] = message.replace("Invalid TOML document: ", "").split("\n", 1);
  return SYNTAX.get(first) ?? "this is not TOML";
}

const REDEFINED = "this key or table is already defined";
const BAD_DATE = "a date or time is wrong";
const BAD_UNDERSCORE = "a number has an underscore that is not between two digits";
const BAD_ESCAPE = "a text has a wrong Unicode escape";
const UNENDED_NUMBER = "a number does not end with a digit";

const SYNTAX: ReadonlyMap<string, string> = new Map([
  ["control characters are not allowed in comments", "a comment has a control character"],
  [
    "control characters are not allowed in strings",
    'a line end or control character is in a text; escape it, as in "\\n"',
  ],
  ["document contains excessively nested structures. aborting.", "lists or tables are nested too deeply"],
  ["each key-value declaration must be followed by an end-of-line", "a new line must begin here"],
  ["expected comma or end of structure", "a comma or a closing bracket is missing"],
  ["expected end of table array declaration", "the name of a list of tables must end with ]]"],
  ["illegal character in key", "a key has a character that needs quotation marks around the key"],
  ["illegal character in numeric literal", "a number has a character that does not belong there"],
  ["illegal empty bare key", "a key is missing"],
  ["illegal leading zero", "a number begins with 0"],
  [
    "illegal quoted key: multiline strings are not allowed",
    "a key must be on one line, in one pair of quotation marks",
  ],
  ["illegal underscore", BAD_UNDERSCORE],
  ["incomplete key-value: cannot find end of key", "a key or a table name does not end"],
  ["integer value cannot be represented losslessly", "a whole number is too large"],
  ["invalid date", BAD_DATE],
  ["invalid date-time: date part is malformed", BAD_DATE],
  ["invalid date-time: time part is malformed", BAD_DATE],
  ["invalid escape: only line-ending whitespace may be escaped", "a text has a space after a backslash"],
  ["invalid non-hex character in unicode escape", BAD_ESCAPE],
  ["invalid unicode escape", BAD_ESCAPE],
  ["invalid value", "a value is missing or unknown; text needs quotation marks"],
  ["trying to redefine an already defined table or value", REDEFINED],
  ["trying to redefine an already defined value", REDEFINED],
  ["unexpected end of key", "a key is missing"],
  ["unfinished array", "a list has no closing ]"],
  ["unfinished numeric value", UNENDED_NUMBER],
  ["unfinished string", "a text has no closing quotation mark"],
  ["unfinished table", "an inline table has no closing }"],
  ["unrecognised escape sequence", "a text has an unknown escape; write \\\\ for a backslash"],
]);

/**
 * Returns the value with null for each list and date where the schema has a table. valibot would take them
 * for tables without keys.
 */
function onlyTables(schema: unknown, value: unknown): unknown {
  if (!isRecord(schema)) return value;
  if ("wrapped" in schema) return onlyTables(schema["wrapped"], value);
  if ("item" in schema && Array.isArray(value)) return value.map((item) => onlyTables(schema["item"], item));
  const { entries } = schema;
  if (!isRecord(entries) || !isRecord(value)) return value;
  if (!isTable(value)) return null;
  const members = Object.entries(value).map(([key, member]) => [
    key,
    Object.hasOwn(entries, key) ? onlyTables(entries[key], member) : member,
  ]);
  return Object.fromEntries(members);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
