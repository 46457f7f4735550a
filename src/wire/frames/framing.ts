/**
 * Cuts one byte stream into messages: lines, and counted frames as python-negotiator sends them. After a tear it finds
 * the next frame by rules that need no guess; docs/PROTOCOL.md, "Frames", has each with the torn input that it is for.
 */
import { NegotiatorError } from "../../errors.ts";
import { createCollector } from "./collector.ts";
import type { Limits } from "../../limits.ts";
import { createObjectScanner, isBlank, isDigit } from "./object-scanner.ts";

/** The bytes of one message, not yet looked into; or why some bytes had to be thrown away. */
export type Frame = { kind: "message"; bytes: Uint8Array } | { kind: "fault"; error: NegotiatorError };

export type Framer = {
  /**
   * Takes the next bytes; gives the frames that they complete, in order, each when it is asked for: who has seen enough
   * faults stops, and the rest was not worked on. Until the last was asked for, nothing else may be pushed. The work is
   * linear in the input.
   */
  push(bytes: Uint8Array): Generator<Frame, void, undefined>;
};

/** Faults are made once, not for each of the thousands that some bytes may hold: an error costs far more than its bytes. */
const TORN_LINE = new NegotiatorError(
  "BAD_FRAME",
  "Cannot read a message: a line that ends in a number, not in a brace",
);
const LF = 0x0a;
/** How much of the end of an overlong line is kept, to see whether a count stands there. */
const TAIL_BYTES = 32;

export function createFramer(limits: Pick<Limits, "lineBytes" | "lengthPrefixedBytes">): Framer {
  const line = createCollector(limits.lineBytes);
  const scanner = createObjectScanner(limits.lengthPrefixedBytes);
  const overlong = new NegotiatorError(
    "TOO_LARGE",
    `Cannot take a line of more than ${limits.lineBytes} bytes`,
  );
  let isInObject = false;
  let tail: Uint8Array = new Uint8Array(0);

  const readLine = (bytes: Uint8Array, frames: Frame[]): number => {
    const emptyLines = line.length === 0 ? countLineEnds(bytes) : 0;
    if (emptyLines > 0) return emptyLines;
    const end = bytes.indexOf(LF);
    const part = end === -1 ? bytes : bytes.subarray(0, end);
    const isWhole = end !== -1 && line.length === 0 && part.length <= limits.lineBytes;
    if (isWhole) {
      endLine(part, false, frames);
      return end + 1;
    }
    line.add(part);
    tail = lastBytes(tail, part);
    if (end === -1) return bytes.length;
    const isOver = line.isOver;
    const gathered = line.take();
    endLine(isOver ? tail : gathered, isOver, frames);
    tail = new Uint8Array(0);
    return end + 1;
  };

  /** `bytes` is the line, or only its end when the line was overlong. */
  const endLine = (bytes: Uint8Array, isOver: boolean, frames: Frame[]): void => {
    const content = trimBlanks(bytes);
    if (isOver) frames.push({ kind: "fault", error: overlong });
    if (!isDigit(content.at(-1))) {
      if (content.length > 0 && !isOver) frames.push({ kind: "message", bytes: content });
      return;
    }
    // No message ends in a digit: this is a count, or the torn end of something with a count behind it.
    isInObject = true;
    const isCount = !isOver && content.every((byte) => isDigit(byte));
    scanner.start(isCount ? Number(new TextDecoder().decode(content)) : Infinity);
    if (!isCount && !isOver) frames.push({ kind: "fault", error: TORN_LINE });
  };

  const readObject = (bytes: Uint8Array, frames: Frame[]): number => {
    const { taken, isDone, object, fault } = scanner.push(bytes);
    if (object !== undefined) frames.push({ kind: "message", bytes: object });
    if (fault !== undefined) frames.push({ kind: "fault", error: fault });
    isInObject = !isDone;
    return taken;
  };

  return {
    *push(bytes) {
      let rest = bytes;
      while (rest.length > 0) {
        const frames: Frame[] = [];
        rest = rest.subarray((isInObject ? readObject : readLine)(rest, frames));
        yield* frames;
      }
    },
  };
}

function lastBytes(before: Uint8Array, added: Uint8Array): Uint8Array {
  if (added.length >= TAIL_BYTES) return added.slice(-TAIL_BYTES);
  const kept = before.subarray(-(TAIL_BYTES - added.length));
  const joined = new Uint8Array(kept.length + added.length);
  joined.set(kept);
  joined.set(added, kept.length);
  return joined;
}

/** How many line ends `bytes` begins with. */
function countLineEnds(bytes: Uint8Array): number {
  let count = 0;
  while (bytes[count] === LF) count++;
  return count;
}

function trimBlanks(bytes: Uint8Array): Uint8Array {
  let start = 0;
  let end = bytes.length;
  while (start < end && isBlank(bytes[start] ?? 0)) start++;
  while (end > start && isBlank(bytes[end - 1] ?? 0)) end--;
  return bytes.subarray(start, end);
}
