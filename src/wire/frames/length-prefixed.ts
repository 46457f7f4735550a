/** Writes length-prefixed frames, and reads their first lines: a decimal count of the bytes that follow. */
import type { JsonObject } from "../json.ts";
import { isJsonObject } from "../json.ts";

/** Returns a length-prefixed frame around the object. The body has the bytes of Python's `json.dumps`. */
export function encodeLengthPrefixed(object: JsonObject): Uint8Array {
  const body = asciiJson(object);
  return new TextEncoder().encode(`${body.length}\n${body}`);
}

/** Returns JSON as Python 2 writes it: in ASCII, with a blank after each comma and colon. */
export function asciiJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(asciiJson).join(", ")}]`;
  if (isJsonObject(value)) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    return `{${members.map(([key, member]) => `${asciiJson(key)}: ${asciiJson(member)}`).join(", ")}}`;
  }
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, escapeUnit);
}

/** The most digits of a length prefix. */
const PREFIX_DIGITS = 12;

/** Returns the number of bytes that a line announces; undefined if the line is not a length prefix. */
export function readLengthPrefix(line: Uint8Array): number | undefined {
  if (line.length === 0 || line.length > PREFIX_DIGITS) return undefined;
  const text = new TextDecoder().decode(line).trim();
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
