/** Describes problems that valibot found: the place, the value that is needed, the value that is there. */
import type * as v from "valibot";
import { shorten } from "../shorten.ts";
import { correct } from "./correction.ts";
import type { Need } from "./correction.ts";
import { isRecord, isTable } from "./records.ts";
import { adviseKey } from "./unknown-key.ts";

/** Returns what the user knows a value by, such as `rule 1: action` or the name of an option. */
export type NameOf = (keys: readonly unknown[]) => string;

/** Returns what the user is to write for the value at these keys; `value` is in TOML. */
export type Write = (keys: readonly unknown[], value: string) => string;

/** A line of a file, such as `drainSeconds = 30`. An item of a list stands for itself. */
function writeToml(keys: readonly unknown[], value: string): string {
  const key = keys.at(-1);
  return typeof key === "string" ? `${key} = ${value}` : value;
}

/**
 * Returns one line about a problem. `schema` and `value` are those that were checked, with `message: ""` in
 * valibot's options: a message that is not empty then belongs to the schema, and replaces the description.
 * `nameOf` is `describePlace` by default, `write` is `writeToml`.
 */
export function describeProblem(
  schema: v.GenericSchema,
  value: unknown,
  issue: v.BaseIssue<unknown>,
  nameOf: NameOf = describePlace,
  write: Write = writeToml,
): string {
  const keys = keysOf(issue);
  const fault =
    issue.message === "" ? describeFault(schema, value, issue, { keys, write }) : `: ${issue.message}`;
  return `${nameOf(keys)}${fault}`;
}

/** Returns the keys and list indexes that lead to the problem. */
export function keysOf({ path }: v.BaseIssue<unknown>): unknown[] {
  return (path ?? []).map(({ key }) => key);
}

/** Returns an issue for each unknown key of a table. valibot reports only the first one. */
export function eachUnknownKey(
  schema: v.GenericSchema,
  value: unknown,
  issue: v.BaseIssue<unknown>,
): v.BaseIssue<unknown>[] {
  const { path } = issue;
  if (!isUnknownKey(issue) || path === undefined) return [issue];
  const parent = keysOf(issue).slice(0, -1);
  const known = new Set(keysAt(schema, parent));
  const table = valueAt(value, parent);
  const unknown = isRecord(table) ? Object.keys(table).filter((key) => !known.has(key)) : [];
  return unknown.map((key) => {
    const other: typeof path = [...path];
    other[path.length - 1] = { type: "unknown", origin: "key", input: table, key, value: undefined };
    return { ...issue, path: other };
  });
}

function describeFault(
  schema: v.GenericSchema,
  value: unknown,
  issue: v.BaseIssue<unknown>,
  { keys, write }: { keys: readonly unknown[]; write: Write },
): string {
  const parent = keys.slice(0, -1);
  if (isUnknownKey(issue)) {
    // In a list, the place is not a part of the key.
    const table = parent.length === 0 || parent.some(isIndex) ? "" : `${parent.join(".")}.`;
    return `: unknown key; ${adviseKey(String(keys.at(-1)), keysAt(schema, parent), schema, table)}`;
  }
  if (LENGTHS.has(issue.type)) return `: ${describeLength(issue)}`;
  const need = needOf(schemaAt(schema, keys), keys);
  const found = valueAt(value, keys);
  if (issue.kind === "validation" && !NEEDED.has(issue.type))
    return `: ${describeValue(found)} is not allowed`;
  if (found === undefined) return ` is missing; it must be ${formatNeed(need)}`;
  const corrected = correct(need, found);
  if (corrected === undefined) return ` must be ${formatNeed(need)}; this is ${describeValue(found)}`;
  // The brackets show already what was missing.
  const isList = need.kind === "texts" || need.kind === "paths";
  const wrong = isList ? "" : `; this is ${describeValue(found)}`;
  return ` must be ${need.what}${wrong}; write: ${write(keys, corrected)}`;
}

/**
 * Returns the place of a value. People count from 1: `rule 2: action` is the key `action` of the second table
 * `[[rules]]`.
 */
export function describePlace(keys: readonly unknown[]): string {
  const places: string[] = [];
  let names: string[] = [];
  for (const key of keys) {
    if (typeof key !== "number") {
      names.push(shorten(String(key), SHOWN_LENGTH));
      continue;
    }
    places.push(`${names.join(".").replace(/s$/, "")} ${key + 1}`);
    names = [];
  }
  if (names.length > 0) places.push(names.join("."));
  return places.length === 0 ? "the file" : places.join(": ");
}

const SHOWN_LENGTH = 100;

function isUnknownKey({ type, expected }: v.BaseIssue<unknown>): boolean {
  return type === "strict_object" && expected === "never";
}

/** The checks that the sentence about a need names. */
const NEEDED: ReadonlySet<string> = new Set([
  "finite",
  "gt_value",
  "integer",
  "max_value",
  "min_value",
  "safe_integer",
  "starts_with",
  "uuid",
]);
const LENGTHS: ReadonlySet<string> = new Set(["min_length", "max_length"]);

function describeLength({ type, input, requirement }: v.BaseIssue<unknown>): string {
  const what = Array.isArray(input) ? "item" : "character";
  const length = Array.isArray(input) || typeof input === "string" ? input.length : 0;
  const [bound, verb] = type === "min_length" ? ["at least", "needed"] : ["at most", "allowed"];
  const isOne = requirement === 1;
  return `${bound} ${String(requirement)} ${what}${isOne ? " is" : "s are"} ${verb}; this has ${length}`;
}

/** Words such as `a list, such as ["/path"]`. */
function formatNeed({ what, example }: Need): string {
  return `${what}${example === undefined ? "" : `, such as ${example}`}`;
}

function needOf(schema: unknown, keys: readonly unknown[]): Need {
  const node = unwrap(schema);
  switch (node["type"]) {
    case "string":
      return textNeed(checksOf(node));
    case "number":
      return numberNeed(checksOf(node));
    case "boolean":
      return { what: "true or false", kind: "switch" };
    case "literal":
      return { what: JSON.stringify(node["literal"]) };
    case "picklist":
      return choiceNeed(listOf(node["options"]).map(String));
    case "union":
      return unionNeed(listOf(node["options"]).map((option) => needOf(option, keys)));
    case "array":
      return listNeed(unwrap(node["item"]), keys);
    case "strict_object":
      // A table in a list has no header that could be shown by its keys alone.
      return {
        what: "a table",
        ...(keys.some(isIndex) || keys.length === 0 ? {} : { example: `[${keys.join(".")}]` }),
      };
    default:
      return { what: "another value" };
  }
}

function unionNeed(needs: readonly Need[]): Need {
  const example = needs.find((need) => need.example !== undefined)?.example;
  return {
    what: needs.map(({ what }) => what).join(" or "),
    ...(example === undefined ? {} : { example }),
  };
}

function textNeed(checks: readonly Check[]): Need {
  const types = new Set(checks.map(({ type }) => type));
  if (requirementsOf(checks, "starts_with").includes("/"))
    return { what: "an absolute path", example: '"/path"', kind: "path" };
  if (types.has("uuid")) return { what: "a uuid", example: '"123e4567-e89b-12d3-a456-426614174000"' };
  return { what: "text", kind: "text" };
}

function listNeed(item: Node, keys: readonly unknown[]): Need {
  if (item["type"] === "strict_object") return { what: "a list of tables", example: `[[${keys.join(".")}]]` };
  const example = exampleOf(item);
  const { kind: itemKind } = needOf(item, []);
  return {
    what: "a list",
    ...(itemKind === "text" ? { kind: "texts" } : itemKind === "path" ? { kind: "paths" } : {}),
    ...(example === undefined ? {} : { example: `[${example}]` }),
  };
}

function exampleOf(item: Node): string | undefined {
  const { what, example } = needOf(item, []);
  return example ?? EXAMPLES.get(what);
}

const EXAMPLES = new Map([
  ["text", '"text"'],
  ["a number", "1"],
]);

function numberNeed(checks: readonly Check[]): Need {
  const types = new Set(checks.map(({ type }) => type));
  const name = types.has("integer") || types.has("safe_integer") ? WHOLE : "a number";
  const least = Math.max(...numbersOf(checks, "min_value"));
  const above = Math.max(...numbersOf(checks, "gt_value"));
  const most = Math.min(...numbersOf(checks, "max_value"));
  const isWhole = name === WHOLE;
  const isAllowed = (value: number): boolean =>
    value >= least && value > above && value <= most && (!isWhole || Number.isSafeInteger(value));
  return { what: `${name}${describeRange({ least, above, most })}`, kind: "number", isAllowed };
}

const WHOLE = "a whole number";

function describeRange({ least, above, most }: Readonly<Record<"least" | "above" | "most", number>>): string {
  const hasMost = Number.isFinite(most);
  if (Number.isFinite(above)) return ` above ${above}${hasMost ? ` and up to ${most}` : ""}`;
  if (Number.isFinite(least)) return hasMost ? ` from ${least} to ${most}` : ` of ${least} or more`;
  return hasMost ? ` of ${most} or less` : "";
}

function choiceNeed(words: readonly string[]): Need {
  const quoted = words.map((word) => JSON.stringify(word));
  const what = quoted.length > 2 ? `one of ${quoted.join(", ")}` : quoted.join(" or ");
  return { what, kind: "choice", words };
}

function describeValue(value: unknown): string {
  if (typeof value === "string") return `the text "${shorten(value, SHOWN_LENGTH)}"`;
  if (Array.isArray(value)) return "a list";
  if (typeof value !== "object" || value === null) return String(value);
  return isTable(value) ? "a table" : "a date or time";
}

/** A part of a schema. What it has depends on its `type`. */
type Node = Readonly<Record<string, unknown>>;
type Check = { type: unknown; requirement: unknown };

/** The schema below `optional` and the like. */
function unwrap(schema: unknown): Node {
  if (!isRecord(schema)) return {};
  return "wrapped" in schema ? unwrap(schema["wrapped"]) : schema;
}

/** The checks of a pipe, also those of a pipe within it. */
function checksOf(node: Node): Check[] {
  const [inner, ...checks] = listOf(node["pipe"]).filter(isRecord);
  if (inner === undefined) return [];
  const own = checks.map(({ type, requirement }) => ({ type, requirement }));
  return inner === node ? own : [...checksOf(inner), ...own];
}

function requirementsOf(checks: readonly Check[], type: string): unknown[] {
  return checks.filter((check) => check.type === type).map(({ requirement }) => requirement);
}

function numbersOf(checks: readonly Check[], type: string): number[] {
  return requirementsOf(checks, type).map(Number);
}

function schemaAt(schema: unknown, [key, ...rest]: readonly unknown[]): unknown {
  if (key === undefined) return schema;
  const node = unwrap(schema);
  if ("item" in node) return schemaAt(node["item"], rest);
  const { entries } = node;
  return isRecord(entries) && typeof key === "string" ? schemaAt(entries[key], rest) : undefined;
}

function keysAt(schema: unknown, keys: readonly unknown[]): string[] {
  const { entries } = unwrap(schemaAt(schema, keys));
  return isRecord(entries) ? Object.keys(entries) : [];
}

function valueAt(value: unknown, keys: readonly unknown[]): unknown {
  return keys.reduce(
    (inner, key) =>
      isRecord(inner) && (typeof key === "string" || isIndex(key)) && Object.hasOwn(inner, key)
        ? inner[key]
        : undefined,
    value,
  );
}

function isIndex(key: unknown): key is number {
  return typeof key === "number";
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
