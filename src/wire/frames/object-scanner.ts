/** Follows one JSON object through its bytes to its closing brace, and notices when a new frame begins inside it. */
import { NegotiatorError } from "../../errors.ts";
import { createCollector } from "./collector.ts";

/** How much input was used, and what came of it. `isDone` gives the rest of the input back to the lines. */
export type ScanStep = { taken: number; isDone: boolean; object?: Uint8Array; fault?: NegotiatorError };

export type ObjectScanner = {
  /** A count line was read: an object of at most `count` bytes follows, blanks before it aside. */
  start(count: number): void;
  push(bytes: Uint8Array): ScanStep;
};

/** Made once: an error for each of thousands of bad frames would cost far more than their bytes. */
const NO_OBJECT = badFrame("a count without an object behind it");
const CUT_OFF = badFrame("it was cut off by the next one");
const TOO_LONG = badFrame("it is longer than its count");
const LF = 0x0a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;

export function createObjectScanner(limitBytes: number): ObjectScanner {
  const collector = createCollector(limitBytes);
  const tooLarge = new NegotiatorError("TOO_LARGE", `Cannot take a message of more than ${limitBytes} bytes`);
  let bound = 0;
  let depth = 0;
  let isInString = false;
  let isEscaped = false;
  /** The last byte that is not blank was a digit. */
  let isAfterDigit = false;
  /** What stands before is a number and then an end of line: never JSON before a brace, but the count of a new frame. */
  let isAfterCount = false;
  let isReported = false;

  const begin = (count: number): void => {
    collector.take();
    bound = count;
    depth = 0;
    isInString = isEscaped = isAfterDigit = isAfterCount = isReported = false;
  };

  /** Reads one byte of the object; says what it means for the frame. */
  const step = (byte: number): "more" | "closed" | "torn" | "new" => {
    if (isInString) {
      // JSON has no raw line end inside a string: this one ended the count line of a new frame, or a torn line.
      if (byte === LF) return isAfterDigit ? "new" : "torn";
      if (isEscaped) isEscaped = false;
      else if (byte === BACKSLASH) isEscaped = true;
      else if (byte === QUOTE) isInString = false;
      if (!isBlank(byte)) isAfterDigit = isDigit(byte);
      return "more";
    }
    if (byte === LF) isAfterCount ||= isAfterDigit;
    if (isBlank(byte)) return "more";
    if (byte === OPEN && isAfterCount) return "new";
    isAfterDigit = isDigit(byte);
    isAfterCount = false;
    if (byte === QUOTE) isInString = true;
    else if (byte === OPEN || byte === OPEN_LIST) depth++;
    else if (byte === CLOSE || byte === CLOSE_LIST) depth--;
    return depth === 0 ? "closed" : "more";
  };

  const skipToObject = (bytes: Uint8Array): ScanStep | number => {
    const start = bytes.findIndex((byte) => !isBlank(byte));
    if (start === -1) return { taken: bytes.length, isDone: false };
    if (bytes[start] === OPEN) return start;
    const fault = bound === Infinity ? {} : { fault: NO_OBJECT };
    return { taken: start, isDone: true, ...fault };
  };

  const finish = (part: Uint8Array, from: number, reason: "closed" | "torn" | "new"): ScanStep => {
    const taken = from + part.length;
    if (reason === "closed") {
      collector.add(part);
      const flaw = flawOfLength();
      const object = collector.take();
      return { taken, isDone: true, ...(flaw === undefined ? { object } : report(flaw)) };
    }
    const fault = report(CUT_OFF);
    begin(Infinity);
    return { taken, isDone: reason === "torn", ...fault };
  };

  const flawOfLength = (): NegotiatorError | undefined => {
    if (collector.isOver) return tooLarge;
    return collector.length > bound ? TOO_LONG : undefined;
  };

  /** One fault a frame: after the first, the rest of the frame is only followed to its end. */
  const report = (fault: NegotiatorError | undefined): { fault?: NegotiatorError } => {
    if (fault === undefined || isReported) return {};
    isReported = true;
    return { fault };
  };

  return {
    start: begin,
    push(bytes) {
      let from = 0;
      if (depth === 0) {
        const skipped = skipToObject(bytes);
        if (typeof skipped !== "number") return skipped;
        from = skipped;
      }
      for (let index = from; index < bytes.length; index++) {
        const meaning = step(bytes[index] ?? 0);
        if (meaning === "more") continue;
        // The brace that shows a new frame is that frame's first byte; a line end belongs to what it ends.
        const isOwnByte = meaning !== "new" || bytes[index] === LF;
        return finish(bytes.subarray(from, isOwnByte ? index + 1 : index), from, meaning);
      }
      collector.add(bytes.subarray(from));
      return { taken: bytes.length, isDone: false, ...report(flawOfLength()) };
    },
  };
}

function badFrame(reason: string): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", `Cannot read a message: ${reason}`);
}

/** Space, tab, CR, LF: what JSON allows between tokens, and Python strips around a count. */
export function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

export function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}
