/** Strict reading of TOML that an administrator wrote: every problem is named with its place and what is allowed there. */
import * as v from "valibot";
import { NegotiatorError } from "./errors.ts";
import type { FaultCode } from "./errors.ts";
import { printable } from "./printable.ts";

/**
 * Reads `text` as TOML and checks it against `schema`. `source` names the file in messages.
 * Throws `BAD_CONFIG` with one line for each problem.
 */
export function parseStrictToml<Schema extends v.GenericSchema>(
  schema: Schema,
  text: string,
  source: string,
): v.InferOutput<Schema> {
  return checkStrict(schema, parseToml(text, source), source);
}

/** Checks an already parsed value; throws as `parseStrictToml` does, or with another code. */
export function checkStrict<Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  source: string,
  code: FaultCode = "BAD_CONFIG",
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const problems = result.issues.map((issue) => describeIssue(schema, issue));
  throw new NegotiatorError(
    code,
    `Cannot use ${printable(source)}:\n  ${problems.map(printable).join("\n  ")}`,
  );
}

/** Reads `text` as TOML; the value is not checked. Throws `BAD_CONFIG`. */
export function parseToml(text: string, source: string): unknown {
  try {
    return Bun.TOML.parse(text);
  } catch (error) {
    // The parser gives no place: its error's line is one of this program, not of the text.
    const message = error instanceof Error ? error.message.replace("TOML Parse error: ", "") : String(error);
    throw new NegotiatorError("BAD_CONFIG", `Cannot use ${printable(source)}:\n  ${printable(message)}`, {
      cause: error,
    });
  }
}

function describeIssue(schema: v.GenericSchema, issue: v.BaseIssue<unknown>): string {
  const path = issue.path ?? [];
  const place = describePlace(path.map(({ key }) => key));
  if (issue.type !== "strict_object" || issue.expected !== "never") {
    return `${place}: ${issue.message}`;
  }
  const parent = path.slice(0, -1).map((item) => item.key);
  return `${place}: unknown key; allowed here: ${keysAt(schema, parent).join(", ")}`;
}

/** People count from 1: `rule 2: action` is the key `action` of the second table `[[rules]]`. */
function describePlace(path: readonly unknown[]): string {
  const places: string[] = [];
  let keys: unknown[] = [];
  for (const key of path) {
    if (typeof key !== "number") {
      keys.push(key);
      continue;
    }
    places.push(`${keys.join(".").replace(/s$/, "")} ${key + 1}`);
    keys = [];
  }
  if (keys.length > 0) places.push(keys.join("."));
  return places.length === 0 ? "the file" : places.join(": ");
}

/** The keys that the schema's object at `path` knows. */
function keysAt(schema: unknown, path: readonly unknown[]): string[] {
  if (!isRecord(schema)) return [];
  if ("wrapped" in schema) return keysAt(schema["wrapped"], path);
  if ("pipe" in schema && Array.isArray(schema["pipe"])) {
    const [inner] = schema["pipe"];
    if (inner !== schema) return keysAt(inner, path);
  }
  const [key, ...rest] = path;
  if ("item" in schema) return keysAt(schema["item"], rest);
  const { entries } = schema;
  if (!isRecord(entries)) return [];
  if (key === undefined) return Object.keys(entries);
  return typeof key === "string" ? keysAt(entries[key], rest) : [];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
