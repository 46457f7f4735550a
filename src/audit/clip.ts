/** Cuts text to a number of bytes of an audit line, in which escapes make it longer. */
import { printableJson } from "../printable.ts";

/** A UTF-16 unit takes at most so many bytes: `\u001b`. */
const UNIT_BYTES = 6;
const QUOTES_BYTES = 2;
const MARK = "…";
const MARK_BYTES = 3;

/** Returns the bytes of a value in a line, with its quotes. */
export function encodedBytes(value: unknown): number {
  return Buffer.byteLength(printableJson(JSON.stringify(value)));
}

/** Returns `text`, or its start and `…`. It takes at most `bytes` in a line, without its quotes. */
export function clipBytes(text: string, bytes: number): string {
  // Most texts are short. Looking at each of their characters would cost more than the rest of the line.
  if (text.length * UNIT_BYTES <= bytes) return text;
  if (text.length <= bytes && encodedBytes(text) - QUOTES_BYTES <= bytes) return text;
  return startOf(text, bytes - MARK_BYTES) + MARK;
}

/** Returns the longest start of `text` that takes at most `bytes` in a line, without its quotes. */
export function startOf(text: string, bytes: number): string {
  let left = bytes;
  let length = 0;
  for (const character of text) {
    left -= encodedBytes(character) - QUOTES_BYTES;
    if (left < 0) break;
    length += character.length;
  }
  return text.slice(0, length);
}
