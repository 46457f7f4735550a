/** Says which key was meant by an unknown one. */
import { nearest } from "../nearest.ts";
import { isRecord } from "./records.ts";

/**
 * Returns words about the unknown key `name`, which stand after a semicolon: the table or the file it belongs
 * to, a key of almost the same name, or all keys that are `allowed` at its place. `schema` is that of the
 * whole file; `table` stands before the name of a key in a table, such as `log.`.
 */
export function adviseKey(name: string, allowed: readonly string[], schema: unknown, table = ""): string {
  if (table !== "" && isTable(name, schema)) return `its keys belong below [${name}], without "${name}."`;
  const homes = tablesWith(name, schema);
  if (homes.length > 0) return `it belongs ${homes.join(" or ")}`;
  const file = Object.hasOwn(OTHER_FILES, name) ? OTHER_FILES[name] : undefined;
  if (file !== undefined) return `it belongs in ${file}`;
  const guess = nearest(name, allowed)[0] ?? allowed.find((key) => isBeginning(name, key));
  return guess === undefined ? `allowed here: ${allowed.join(", ")}` : `did you mean ${table}${guess}?`;
}

/** Whether the file has a table of this name: below a header, `log.level` is the key of another table. */
function isTable(name: string, schema: unknown): boolean {
  const inner = valueAt(valueAt(schema, "entries"), name);
  return isRecord(valueAt(inner, "entries") ?? valueAt(valueAt(inner, "wrapped"), "entries"));
}

function valueAt(value: unknown, key: string): unknown {
  return isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

/** A unit is often left out: timeout for timeoutSeconds. */
function isBeginning(name: string, key: string): boolean {
  return name.length >= LEAST_BEGINNING && key.toLowerCase().startsWith(name.toLowerCase());
}

const LEAST_BEGINNING = 4;

/** Keys that are often written into the wrong file, and their file. */
const OTHER_FILES: Readonly<Record<string, string>> = {
  rules: "the policy, /etc/negotiator/policy.toml by default",
};

/** The headers of the tables, at any depth, that have a key of exactly this name. */
function tablesWith(name: string, schema: unknown, path: readonly string[] = [], isList = false): string[] {
  if (!isRecord(schema)) return [];
  if ("wrapped" in schema) return tablesWith(name, schema["wrapped"], path, isList);
  if ("item" in schema) return tablesWith(name, schema["item"], path, true);
  const { entries } = schema;
  if (!isRecord(entries)) return [];
  const own = Object.hasOwn(entries, name) ? [placeOf(path.join("."), isList)] : [];
  return [
    ...own,
    ...Object.entries(entries).flatMap(([key, inner]) => tablesWith(name, inner, [...path, key])),
  ];
}

function placeOf(path: string, isList: boolean): string {
  if (path === "") return "above the first [table]";
  return isList ? `below [[${path}]]` : `below [${path}]`;
}
