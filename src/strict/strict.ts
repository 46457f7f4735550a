/** Reads TOML that an administrator wrote, and checks it. Every problem is named with its place. */
import * as v from "valibot";
import { NegotiatorError } from "../errors.ts";
import type { FaultCode } from "../errors.ts";
import { printable } from "../printable.ts";
import { findKeyLines } from "./key-lines.ts";
import { describePlace, describeProblem, eachUnknownKey, keysOf } from "./problems.ts";
import type { NameOf, Write } from "./problems.ts";
import { isRecord, isTable } from "./records.ts";
import { parseToml } from "./toml.ts";

/**
 * Options of a check.
 * - `code`: that of the error; `BAD_CONFIG` by default.
 * - `nameOf`: what the user knows a value by; the keys that lead to it by default.
 * - `write`: what the user is to write for a value; a line of TOML by default.
 * - `remedy`: the last line of the error; a function gets the keys that lead to each wrong value.
 */
export type CheckOptions = {
  code?: FaultCode;
  nameOf?: NameOf;
  write?: Write;
  remedy?: string | undefined | ((wrong: readonly (readonly unknown[])[]) => string);
};

/**
 * Reads `text` as TOML and checks it against `schema`. `source` names the file in messages.
 * Throws `BAD_CONFIG`, with one line for each problem, which begins with the number of its line.
 */
export function parseStrictToml<Schema extends v.GenericSchema>(
  schema: Schema,
  text: string,
  source: string,
  remedy?: string,
): v.InferOutput<Schema> {
  return checkStrict(schema, parseToml(text, source, remedy), source, { nameOf: namePlaces(text), remedy });
}

/** Returns the names of values in `text`, which is valid TOML: `line 3: rule 1: action`. */
export function namePlaces(text: string): NameOf {
  let lineOf: ReturnType<typeof findKeyLines> | undefined;
  return (keys) => {
    lineOf ??= findKeyLines(text);
    const line = lineOf(keys);
    return `${line === undefined ? "" : `line ${line}: `}${describePlace(keys)}`;
  };
}

/** Checks a parsed value. Throws as `parseStrictToml` does. */
export function checkStrict<Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  source: string,
  { code = "BAD_CONFIG", nameOf = describePlace, write, remedy }: CheckOptions = {},
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, onlyTables(schema, value), { message: "" });
  if (result.success) return result.output;
  const issues = result.issues
    .filter((issue, index, all) => !isRepeat(issue, all[index - 1]))
    .flatMap((issue) => eachUnknownKey(schema, value, issue));
  const shown = issues
    .slice(0, MAX_PROBLEMS)
    .map((issue) => describeProblem(schema, value, issue, nameOf, write));
  const more = issues.length - shown.length;
  const problems = [...shown.map(printable), ...(more > 0 ? [`and ${more} more`] : [])];
  const message = `Cannot use ${printable(source)}:\n  ${problems.join("\n  ")}`;
  const last = typeof remedy === "function" ? remedy(issues.map(keysOf)) : remedy;
  throw new NegotiatorError(code, message, last === undefined ? {} : { remedy: last });
}

/** One value can fail several checks, and one line has all that is needed. */
function isRepeat(issue: Issue, before: Issue | undefined): boolean {
  if (issue.message !== "" || before?.message !== "") return false;
  const keys = keysOf(issue);
  const keysBefore = keysOf(before);
  return keys.length === keysBefore.length && keys.every((key, index) => key === keysBefore[index]);
}

type Issue = v.BaseIssue<unknown>;

const MAX_PROBLEMS = 20;

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
