/** JSON from a peer: an object that is safe to keep, or a `BAD_FRAME`. */
import { NegotiatorError } from "../errors.ts";
import { MESSAGE_DEPTH } from "../limits.ts";

/**
 * For every check of what a peer says: one flaw is enough to refuse it. All of them would be an object each, and a list of a
 * million wrong items makes gigabytes of those.
 */
export const FIRST_FLAW = { abortEarly: true } as const;

export type JsonObject = { readonly [member: string]: unknown };

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads one JSON object. Refuses, with `BAD_FRAME`: bytes that are not UTF-8, anything that is not an object, strings
 * with half of a surrogate pair, integers that a double cannot hold, and nesting deeper than `MESSAGE_DEPTH`.
 * A `__proto__` key is an ordinary own member.
 */
export function parseJsonObject(bytes: Uint8Array): JsonObject {
  const value = parse(decodeUtf8(bytes));
  if (!isJsonObject(value)) throw badFrame("not a JSON object");
  const flaw = findFlaw(value, 0);
  if (flaw !== undefined) throw badFrame(flaw);
  return value;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
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

function badFrame(flaw: string, cause?: unknown): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", `Cannot read a message: ${flaw}`, { cause });
}
