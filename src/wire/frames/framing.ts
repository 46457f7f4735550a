/**
 * Cuts one byte stream into messages: lines, and length-prefixed frames as python-negotiator sends them.
 * After a torn frame it finds the next one by fixed rules; docs/PROTOCOL.md, "Frames", lists each rule with
 * the input that needs it.
 */
import { NegotiatorError } from "../../errors.ts";
import { createCollector } from "./collector.ts";
import type { Limits } from "../../limits.ts";
import { createObjectScanner, isBlank, isDigit } from "./object-scanner.ts";

/** The unparsed bytes of one message, or the reason why some bytes were thrown away. */
export type Frame = { kind: "message"; bytes: Uint8Array } | { kind: "fault"; error: NegotiatorError };

/** Cuts bytes into frames. */
export type Framer = {
  /**
   * Takes the next bytes and yields the frames that they complete, in order. It works on a frame only when
   * that is asked for, so a caller that stops early saves the work. The caller takes all frames before it
   * pushes again, or stops using the framer. The work is linear in the input.
   */
  push(bytes: Uint8Array): Generator<Frame, void, undefined>;
};

/** An error costs far more than the bytes of a fault, so each error is made once. */
const TORN_LINE = new NegotiatorError(
  "BAD_FRAME",
  "Cannot read a message: the line ends in a digit, not in a brace",
);
const LF = 0x0a;
/** The end of an overlong line may be a length prefix, so this much of it is kept. */
const TAIL_BYTES = 32;

/** Creates a framer for the bytes of one channel. The limits are in bytes. */
export function createFramer(limits: Pick<Limits, "lineBytes" | "lengthPrefixedBytes">): Framer {
  const line = createCollector(limits.lineBytes);
  const scanner = createObjectScanner(limits.lengthPrefixedBytes);
  const overlong = new NegotiatorError(
    "TOO_LARGE",
    `Cannot take a line of more than ${limits.lineBytes} bytes`,
  );
  let isInObject = false;
  let tail: Uint8Array = new Uint8Array(0);

  const startObject = (byteCount: number): void => {
    isInObject = true;
    scanner.start(byteCount);
  };

  const endLine = (bytes: Uint8Array, frames: Frame[]): void => {
    const content = trimBlanks(bytes);
    if (!isDigit(content.at(-1))) {
      if (content.length > 0) frames.push({ kind: "message", bytes: content });
      return;
    }
    // No message ends in a digit, so this is a length prefix, or a torn frame with a length prefix after it.
    const isPrefix = content.every((byte) => isDigit(byte));
    startObject(isPrefix ? Number(new TextDecoder().decode(content)) : Infinity);
    if (!isPrefix) frames.push({ kind: "fault", error: TORN_LINE });
  };

  const endOverlongLine = (frames: Frame[]): void => {
    frames.push({ kind: "fault", error: overlong });
    if (isDigit(trimBlanks(tail).at(-1))) startObject(Infinity);
  };

  const readLine = (bytes: Uint8Array, frames: Frame[]): number => {
    const emptyLines = line.length === 0 ? countLineEnds(bytes) : 0;
    if (emptyLines > 0) return emptyLines;
    const end = bytes.indexOf(LF);
    const part = end === -1 ? bytes : bytes.subarray(0, end);
    const isWhole = end !== -1 && line.length === 0 && part.length <= limits.lineBytes;
    if (isWhole) {
      endLine(part, frames);
      return end + 1;
    }
    line.add(part);
    tail = lastBytes(tail, part);
    if (end === -1) return bytes.length;
    const isOver = line.isOver;
    const gathered = line.take();
    if (isOver) endOverlongLine(frames);
    else endLine(gathered, frames);
    tail = new Uint8Array(0);
    return end + 1;
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
