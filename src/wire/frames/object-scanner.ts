/** Follows one JSON object to its closing brace, and detects a new frame that begins inside it. */
import { NegotiatorError } from "../../errors.ts";
import { createCollector } from "./collector.ts";

/**
 * The result of a scan. `taken` is how many bytes of the input were used. `isDone` means that the rest of
 * the input is to be read as lines again.
 */
export type ScanStep = { taken: number; isDone: boolean; object?: Uint8Array; fault?: NegotiatorError };

/** Reads the object of a length-prefixed frame. */
export type ObjectScanner = {
  /** Begins an object of at most `byteCount` bytes. `Infinity` is for an unknown length. */
  start(byteCount: number): void;
  /** Takes the next bytes. */
  push(bytes: Uint8Array): ScanStep;
};

/** An error costs far more than the bytes of a bad frame, so each is made once. */
const NO_OBJECT = badFrame("no object follows the length prefix");
const CUT_OFF = badFrame("the next message cut it off");
const TOO_LONG = badFrame("it is longer than its length prefix");
const LF = 0x0a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;

/** Creates a scanner that keeps at most `limitBytes` bytes of an object. */
export function createObjectScanner(limitBytes: number): ObjectScanner {
  const collector = createCollector(limitBytes);
  const tooLarge = new NegotiatorError("TOO_LARGE", `Cannot take a message of more than ${limitBytes} bytes`);
  const nesting = createNesting();
  let bound = 0;
  let isReported = false;

  const start = (byteCount: number): void => {
    collector.take();
    nesting.reset();
    bound = byteCount;
    isReported = false;
  };

  /** Returns only the first fault of each frame. */
  const report = (fault: NegotiatorError | undefined): { fault?: NegotiatorError } => {
    if (fault === undefined || isReported) return {};
    isReported = true;
    return { fault };
  };

  const checkLength = (): NegotiatorError | undefined => {
    if (collector.isOver) return tooLarge;
    return collector.length > bound ? TOO_LONG : undefined;
  };

  const finish = (part: Uint8Array, from: number, reason: Exclude<Meaning, "more">): ScanStep => {
    const taken = from + part.length;
    if (reason === "closed") {
      collector.add(part);
      const fault = checkLength();
      const object = collector.take();
      return { taken, isDone: true, ...(fault === undefined ? { object } : report(fault)) };
    }
    const fault = report(CUT_OFF);
    start(Infinity);
    return { taken, isDone: reason === "torn", ...fault };
  };

  const skipToObject = (bytes: Uint8Array): ScanStep | number => {
    const first = bytes.findIndex((byte) => !isBlank(byte));
    if (first === -1) return { taken: bytes.length, isDone: false };
    if (bytes[first] === OPEN) return first;
    const fault = bound === Infinity ? {} : { fault: NO_OBJECT };
    return { taken: first, isDone: true, ...fault };
  };

  return {
    start,
    push(bytes) {
      const first = nesting.depth === 0 ? skipToObject(bytes) : 0;
      if (typeof first !== "number") return first;
      for (let index = first; index < bytes.length; index++) {
        const meaning = nesting.step(bytes[index] ?? 0);
        if (meaning === "more") continue;
        // The brace of a new frame is that frame's first byte, but a line end belongs to the frame that it
        // ends.
        const isOwnByte = meaning !== "new" || bytes[index] === LF;
        return finish(bytes.subarray(first, isOwnByte ? index + 1 : index), first, meaning);
      }
      collector.add(bytes.subarray(first));
      return { taken: bytes.length, isDone: false, ...report(checkLength()) };
    },
  };
}

/** `closed`: the object ends here. `torn`: a line ends inside the object. `new`: a new frame begins here. */
type Meaning = "more" | "closed" | "torn" | "new";

function createNesting() {
  let depth = 0;
  let isInString = false;
  let isEscaped = false;
  /** Whether the last byte that is not blank was a digit. */
  let isAfterDigit = false;
  /** Whether a number and a line end were just read: before a brace that is a length prefix, never JSON. */
  let isAfterPrefix = false;

  const stepInString = (byte: number): Meaning => {
    // JSON has no raw line end inside a string, so this one ends a length prefix, or a torn line.
    if (byte === LF) return isAfterDigit ? "new" : "torn";
    if (isEscaped) isEscaped = false;
    else if (byte === BACKSLASH) isEscaped = true;
    else if (byte === QUOTE) isInString = false;
    if (!isBlank(byte)) isAfterDigit = isDigit(byte);
    return "more";
  };

  return {
    get depth() {
      return depth;
    },
    reset() {
      depth = 0;
      isInString = isEscaped = isAfterDigit = isAfterPrefix = false;
    },
    /** Takes one byte of the object, and returns what it means for the frame. */
    step(byte: number): Meaning {
      if (isInString) return stepInString(byte);
      if (byte === LF) isAfterPrefix ||= isAfterDigit;
      if (isBlank(byte)) return "more";
      if (byte === OPEN && isAfterPrefix) return "new";
      isAfterDigit = isDigit(byte);
      isAfterPrefix = false;
      if (byte === QUOTE) isInString = true;
      else if (byte === OPEN || byte === OPEN_LIST) depth++;
      else if (byte === CLOSE || byte === CLOSE_LIST) depth--;
      return depth === 0 ? "closed" : "more";
    },
  };
}

function badFrame(reason: string): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", `Cannot read a message: ${reason}`);
}

/** Whether the byte is a space, tab, CR or LF: the blanks that JSON allows between tokens (RFC 8259). */
export function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Whether the byte is an ASCII digit. */
export function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}
