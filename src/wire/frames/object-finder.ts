/** Finds JSON objects that begin a line, in a stream of bytes that may begin with anything. */
import { NegotiatorError } from "../../errors.ts";
import type { MemoryShare } from "../memory.ts";
import { createCollector } from "./collector.ts";
import { isBlank, isDigit } from "./openings.ts";
import { GAVE_WAY } from "./refusals.ts";

/**
 * An object's bytes, and the bytes after it. `isPrefixed`: a digit ends the line before it, as a length
 * prefix does. `error` stands for an object that is too long.
 */
export type FoundObject = { rest: Uint8Array } & (
  { bytes: Uint8Array; isPrefixed: boolean } | { error: NegotiatorError }
);

/** Finds one object after the other. */
export type ObjectFinder = {
  /** Returns the first object that ends in these bytes. Its `rest` has to be passed again. */
  push(bytes: Uint8Array): FoundObject | undefined;
  /** Throws a begun object away, and gives its memory back. */
  drop(): void;
};

const LF = 0x0a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/**
 * Creates a finder at the beginning of a line. No dialect has a line end inside an object, so a line end ends
 * a torn one. An object of more than `limitBytes` is an error. `memory` is the peer's share of the memory of
 * all.
 */
export function createObjectFinder(limitBytes: number, memory?: MemoryShare): ObjectFinder {
  const object = createCollector(limitBytes, memory);
  const tooLarge = new NegotiatorError("TOO_LARGE", `Cannot take a message of more than ${limitBytes} bytes`);
  let isAtLineStart = true;
  let isAfterDigit = false;
  let isPrefixed = false;
  let depth = 0;
  let isInString = false;
  let isEscaped = false;

  /** Takes a byte of an object, and returns whether it ends the object. */
  const step = (byte: number): boolean => {
    if (isEscaped) isEscaped = false;
    else if (byte === BACKSLASH) isEscaped = isInString;
    else if (byte === QUOTE) isInString = !isInString;
    else if (isInString) return false;
    else if (byte === OPEN || byte === OPEN_LIST) depth++;
    else if (byte === CLOSE || byte === CLOSE_LIST) return --depth === 0;
    return false;
  };

  const startLine = (): void => {
    object.take();
    isPrefixed = isAfterDigit;
    isAfterDigit = false;
    isAtLineStart = true;
    depth = 0;
    isInString = isEscaped = false;
  };

  const end = (rest: Uint8Array): FoundObject => {
    const { isOver, gaveWay } = object;
    const bytes = object.take();
    return isOver ? { error: gaveWay ? GAVE_WAY : tooLarge, rest } : { bytes, isPrefixed, rest };
  };

  return {
    drop() {
      startLine();
      object.drop();
    },
    push(bytes) {
      let start = 0;
      for (let index = 0; index < bytes.length; index++) {
        const byte = bytes[index] ?? 0;
        if (byte === LF) {
          startLine();
          continue;
        }
        // The length of an old peer's object can stand behind a torn one, on the same line.
        if (!isBlank(byte)) isAfterDigit = isDigit(byte);
        if (depth > 0) {
          if (!step(byte)) continue;
          object.add(bytes.subarray(start, index + 1));
          return end(bytes.subarray(index + 1));
        }
        if (isAtLineStart && byte === OPEN) {
          start = index;
          depth = 1;
        }
        isAtLineStart = false;
      }
      if (depth > 0) object.add(bytes.subarray(start));
      return undefined;
    },
  };
}
