/** Finds the answer to a hello in a stream of bytes that may begin with anything. */
import { NegotiatorError } from "../../errors.ts";
import { createCollector } from "./collector.ts";
import { parseJsonObject } from "../json.ts";
import type { JsonObject } from "../json.ts";

/** The answer, and the bytes after it. */
export type FoundAnswer = { object: JsonObject; rest: Uint8Array };

/** Looks for one answer. */
export type AnswerFinder = {
  /** Returns the answer when it is complete. */
  push(bytes: Uint8Array): FoundAnswer | undefined;
};

/** The longest part of an answer that stands before the nonce, in any dialect. */
const BEFORE_NONCE_BYTES = 4096;
const LF = 0x0a;
const OPEN = 0x7b;

/**
 * Creates a finder for the JSON object that holds `nonce`. Nobody knew the nonce before its hello, so no
 * earlier byte can hold it. The object begins a line, in every dialect. An object of more than `limitBytes`
 * is not found.
 */
export function createAnswerFinder(nonce: string, limitBytes: number): AnswerFinder {
  const needle = Buffer.from(nonce);
  const answer = createCollector(limitBytes);
  let earlier: Buffer = Buffer.alloc(0);
  let scan: BraceScan | undefined;

  /** Returns the bytes from the beginning of the answer. */
  const findStart = (bytes: Uint8Array): Uint8Array | undefined => {
    const all = Buffer.concat([earlier, bytes]);
    const place = all.indexOf(needle);
    const start = place === -1 ? -1 : startOfObject(all, place);
    earlier = all.subarray(Math.max(0, all.length - BEFORE_NONCE_BYTES - needle.length));
    return start === -1 ? undefined : all.subarray(start);
  };

  const complete = (bytes: Uint8Array): FoundAnswer | undefined => {
    const end = scan?.push(bytes);
    answer.add(bytes.subarray(0, end));
    if (end === undefined) return undefined;
    scan = undefined;
    const object = parseAnswer(answer.take());
    return object === undefined ? undefined : { object, rest: bytes.subarray(end) };
  };

  return {
    push(bytes) {
      if (scan !== undefined) return complete(bytes);
      const begun = findStart(bytes);
      if (begun === undefined) return undefined;
      scan = createBraceScan();
      return complete(begun);
    },
  };
}

/** Returns the place of the brace that begins the line of `place`; -1 if the line does not begin with one. */
function startOfObject(bytes: Buffer, place: number): number {
  const lineStart = bytes.lastIndexOf(LF, place) + 1;
  return bytes.indexOf(OPEN, lineStart) === lineStart ? lineStart : -1;
}

/** `push` takes the next bytes of an object, and returns where they end it. */
type BraceScan = { push(bytes: Uint8Array): number | undefined };

function createBraceScan(): BraceScan {
  let depth = 0;
  let isInString = false;
  let isEscaped = false;
  return {
    push(bytes) {
      for (const [index, byte] of bytes.entries()) {
        if (isEscaped) isEscaped = false;
        else if (byte === BACKSLASH) isEscaped = isInString;
        else if (byte === QUOTE) isInString = !isInString;
        else if (isInString) continue;
        else if (byte === OPEN || byte === OPEN_LIST) depth++;
        else if ((byte === CLOSE || byte === CLOSE_LIST) && --depth === 0) return index + 1;
      }
      return undefined;
    },
  };
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const CLOSE = 0x7d;

function parseAnswer(bytes: Uint8Array): JsonObject | undefined {
  try {
    return parseJsonObject(bytes);
  } catch (thrown) {
    if (thrown instanceof NegotiatorError) return undefined;
    throw thrown;
  }
}
