/** JSON from a peer: an object that is safe to keep, or why it is none. */
import { NegotiatorError } from "../errors.ts";
import { MESSAGE_DEPTH, MESSAGE_MARKS } from "../limits.ts";

/**
 * For every check of what a peer says: one flaw is enough to refuse it. All of them would be an object each, and a list of a
 * million wrong items makes gigabytes of those.
 */
export const FIRST_FLAW = { abortEarly: true } as const;

export type JsonObject = { readonly [member: string]: unknown };

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads one JSON object. Refuses, with `BAD_FRAME`: bytes that are not UTF-8, anything that is not an object, strings
 * with half of a surrogate pair, integers that a double cannot hold, and nesting deeper than `MESSAGE_DEPTH`; with
 * `TOO_LARGE`, before anything is made of it, what has more than `MESSAGE_MARKS`. A `__proto__` key is an ordinary own
 * member.
 */
export function parseJsonObject(bytes: Uint8Array): JsonObject {
  if (hasTooManyMarks(bytes)) throw tooManyValues();
  const value = parse(decodeUtf8(bytes));
  if (!isJsonObject(value)) throw badFrame("not a JSON object");
  const flaw = findFlaw(value, 0);
  if (flaw !== undefined) throw badFrame(flaw);
  return value;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const OPEN = 0x7b;

/** What comes behind the first flaw of the JSON may be counted wrong; a parser does not get there. */
function hasTooManyMarks(bytes: Uint8Array): boolean {
  // Each takes a byte: a piece of a stream, of which there are many, need not be looked through.
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

function findFlaw(value: unknown, depth: number): string | undefined {
  if (typeof value === "string") return value.isWellFormed() ? undefined : "half of a surrogate pair";
  if (typeof value === "number") return isExact(value) ? undefined : "a number that would lose digits";
  if (typeof value !== "object" || value === null) return undefined;
  if (depth === MESSAGE_DEPTH) return `nested deeper than ${MESSAGE_DEPTH} levels`;
  return Array.isArray(value) ? findFlawIn(value, depth) : findFlawOf(value, depth);
}

function findFlawIn(items: readonly unknown[], depth: number): string | undefined {
  for (const item of items) {
    const flaw = findFlaw(item, depth + 1);
    if (flaw !== undefined) return flaw;
  }
  return undefined;
}

function findFlawOf(object: object, depth: number): string | undefined {
  for (const [key, member] of Object.entries(object)) {
    const flaw = key.isWellFormed() ? findFlaw(member, depth + 1) : "half of a surrogate pair";
    if (flaw !== undefined) return flaw;
  }
  return undefined;
}

function isExact(value: number): boolean {
  return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
}

function tooManyValues(): NegotiatorError {
  return new NegotiatorError("TOO_LARGE", "Cannot take a message: it is made of too many values");
}

function badFrame(flaw: string, cause?: unknown): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", `Cannot read a message: ${flaw}`, { cause });
}
