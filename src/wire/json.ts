/** Parses JSON from a peer into an object that is safe to keep. */
import { NegotiatorError } from "../errors.ts";
import { MESSAGE_DEPTH, MESSAGE_MARKS } from "../limits.ts";

/**
 * The valibot option for every check of a peer's input: stop at the first issue. A list of a million wrong
 * items would otherwise make a million issue objects, which take gigabytes.
 */
export const FIRST_ISSUE = { abortEarly: true } as const;

/** A JSON object whose members are not checked yet. */
export type JsonObject = { readonly [member: string]: unknown };

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Returns the JSON object in the bytes; a `__proto__` key becomes an ordinary own member. Throws
 * `TOO_LARGE`, before it parses anything, when the text has more than `MESSAGE_MARKS`. Throws `BAD_FRAME` for
 * bytes that are not UTF-8, a value that is not an object, strings with half of a surrogate pair, integers
 * that a double cannot hold, and nesting deeper than `MESSAGE_DEPTH`.
 */
export function parseJsonObject(bytes: Uint8Array): JsonObject {
  if (hasTooManyMarks(bytes)) throw tooManyValues();
  const value = parse(decodeUtf8(bytes));
  if (!isJsonObject(value)) throw badFrame("not a JSON object");
  const reason = findInvalid(value, 0);
  if (reason !== undefined) throw badFrame(reason);
  return value;
}

/** Whether a parsed JSON value is an object: not an array, and not null. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const OPEN = 0x7b;

/** The count may be wrong after the first syntax error, but the parser stops at that error. */
function hasTooManyMarks(bytes: Uint8Array): boolean {
  // A short message cannot hold too many values. Most messages are stream chunks, and skipping the scan keeps
  // them fast.
  if (bytes.length <= MESSAGE_MARKS) return false;
  let marks = 0;
  let isInString = false;
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index];
    if (isInString) {
      if (byte === BACKSLASH) index++;
      else if (byte === QUOTE) isInString = false;
    } else if (byte === QUOTE) isInString = true;
    else if (byte === COMMA || byte === COLON || byte === OPEN_LIST || byte === OPEN) {
      if (++marks > MESSAGE_MARKS) return true;
    }
  }
  return false;
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw badFrame("not UTF-8", cause);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw badFrame("not JSON", cause);
  }
}

function findInvalid(value: unknown, depth: number): string | undefined {
  if (typeof value === "string") return value.isWellFormed() ? undefined : "half of a surrogate pair";
  if (typeof value === "number") return isExact(value) ? undefined : "a number that would lose digits";
  if (typeof value !== "object" || value === null) return undefined;
  if (depth === MESSAGE_DEPTH) return `nested deeper than ${MESSAGE_DEPTH} levels`;
  return Array.isArray(value) ? findInvalidItem(value, depth) : findInvalidMember(value, depth);
}

function findInvalidItem(items: readonly unknown[], depth: number): string | undefined {
  for (const item of items) {
    const reason = findInvalid(item, depth + 1);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function findInvalidMember(object: object, depth: number): string | undefined {
  for (const [key, member] of Object.entries(object)) {
    const reason = key.isWellFormed() ? findInvalid(member, depth + 1) : "half of a surrogate pair";
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function isExact(value: number): boolean {
  return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
}

function tooManyValues(): NegotiatorError {
  return new NegotiatorError("TOO_LARGE", `Message refused: more than ${MESSAGE_MARKS} values`);
}

function badFrame(reason: string, cause?: unknown): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", `Cannot read a message: ${reason}`, { cause });
}
