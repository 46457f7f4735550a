/** Parses JSON from a peer into an object that is safe to keep. */
import { NegotiatorError } from "../errors.ts";
import { LARGE_MESSAGE_BYTES, MESSAGE_DEPTH, MESSAGE_MARKS, OBJECT_MEMBERS } from "../limits.ts";

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
 * `TOO_LARGE`, before it parses anything, when the text has more than `mostMarks`, or an object with more
 * than `OBJECT_MEMBERS`. Throws `BAD_FRAME` for bytes that are not UTF-8, a value that is not an object,
 * strings with half of a surrogate pair, integers that a double cannot hold, and nesting deeper than
 * `MESSAGE_DEPTH`.
 */
export function parseJsonObject(bytes: Uint8Array, mostMarks: number = MESSAGE_MARKS): JsonObject {
  const excess = findExcess(bytes, mostMarks);
  if (excess !== undefined) throw new NegotiatorError("TOO_LARGE", `Message refused: ${excess}`);
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
const CLOSE_LIST = 0x5d;
const CLOSE = 0x7d;

/**
 * Returns why the text has too many values for the parser; undefined if it has not. The counts may be wrong
 * after the first syntax error, but the parser stops at that error.
 */
function findExcess(bytes: Uint8Array, mostMarks: number): string | undefined {
  // A short message cannot hold too many values.
  if (bytes.length <= Math.min(LARGE_MESSAGE_BYTES, mostMarks)) return undefined;
  const mostMembers = bytes.length <= LARGE_MESSAGE_BYTES ? Number.POSITIVE_INFINITY : OBJECT_MEMBERS;
  let marks = 0;
  /** The colons of each open object or list, outermost first. */
  const members: number[] = [0];
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index];
    if (byte === QUOTE) index = findStringEnd(bytes, index + 1);
    else if (byte === OPEN || byte === OPEN_LIST) members.push(0);
    else if (byte === CLOSE || byte === CLOSE_LIST) members.pop();
    else if (byte === COLON) {
      const count = (members.pop() ?? 0) + 1;
      if (count > mostMembers) return `more than ${OBJECT_MEMBERS} members in one object`;
      members.push(count);
    } else if (byte !== COMMA) continue;
    if (byte !== QUOTE && byte !== CLOSE && byte !== CLOSE_LIST && ++marks > mostMarks)
      return `more than ${mostMarks} values`;
  }
  return undefined;
}

/** A search for the end of a string costs more than a look at so many bytes. */
const SHORT_STRING_BYTES = 16;

/** Returns the place of the quote that ends a string; the end of the bytes if there is none. */
function findStringEnd(bytes: Uint8Array, start: number): number {
  let index = start;
  for (const end = Math.min(bytes.length, start + SHORT_STRING_BYTES); index < end; index++) {
    const byte = bytes[index];
    if (byte === QUOTE) return index;
    if (byte === BACKSLASH) index++;
  }
  // Most messages are chunks of streams, and the text of a chunk is searched at memory speed.
  for (let from = index; ;) {
    const quote = bytes.indexOf(QUOTE, from);
    if (quote === -1) return bytes.length;
    if (!isEscaped(bytes, quote, from)) return quote;
    from = quote + 1;
  }
}

/** Whether an odd number of backslashes stands before the place. The string cannot be escaped at `from`. */
function isEscaped(bytes: Uint8Array, place: number, from: number): boolean {
  let index = place;
  while (index > from && bytes[index - 1] === BACKSLASH) index--;
  return (place - index) % 2 === 1;
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

function badFrame(reason: string, cause?: unknown): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", `Cannot read a message: ${reason}`, { cause });
}
