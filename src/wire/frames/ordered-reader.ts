/** Reads a listener's frames but hellos: native messages, which have an order, and old hosts' requests. */
import { NegotiatorError } from "../../errors.ts";
import type { Limits } from "../../limits.ts";
import { ignored } from "../reading.ts";
import type { Reading } from "../reading.ts";
import { readLengthPrefix } from "./length-prefixed.ts";
import { releaseBuffer } from "../released-bytes.ts";
import { createLineCutter } from "./line.ts";
import type { LineStep } from "./line.ts";
import { createMessageReader } from "./message-reader.ts";
import type { MessageReaderOptions } from "./message-reader.ts";
import { createOldRequestReader } from "./old-request-reader.ts";
import { beginsHello, isNative } from "./openings.ts";

/** The limits of a listener's reader. */
export type ListenerLimits = Pick<Limits, "lineBytes" | "lengthPrefixedBytes">;

/** The channel of a listener's reader. */
export type ListenerOptions = Omit<MessageReaderOptions, "needsChecksum">;

/** `rest` has to be read next. */
export type OrderedStep = { rest: Uint8Array; reading?: Reading | undefined };

/** Reads frames, in order or not. */
export type OrderedReader = {
  /** Whether the last byte was the end of a frame, or belongs to one whose beginning was seen. */
  isOrdered: boolean;
  /** Whether a frame has begun and is not complete. */
  readonly hasBegun: boolean;
  /** The same without an old host's request, which does not belong to the order. */
  readonly hasBegunMessage: boolean;
  /** Takes bytes up to the end of a frame at most. */
  take(bytes: Uint8Array): OrderedStep;
  /** Returns the bytes of the begun frame, which stay; none of an old host's request. */
  peek(): Uint8Array;
  /** Throws the begun frame away. */
  drop(): void;
  /** The order of messages is lost. */
  lose(): void;
};

/** Creates a reader without an order. */
export function createOrderedReader(
  limits: ListenerLimits,
  { isOnPort, acceptsRaw, awaitsAnswer, memory }: ListenerOptions,
): OrderedReader {
  let isOrdered = false;
  const messages = createMessageReader(limits, {
    isOnPort,
    needsChecksum: isOnPort,
    // Without an order a chunk is not read, whatever was agreed on: its writer only has to learn of it.
    acceptsRaw: () => !isOrdered || acceptsRaw(),
    awaitsAnswer,
    memory,
  });
  const lines = createLineCutter(limits.lineBytes, memory);
  const oldRequest = createOldRequestReader(limits.lengthPrefixedBytes, memory);

  const readLine = (line: Uint8Array): Reading | undefined => {
    const lengthBytes = readLengthPrefix(line);
    if (lengthBytes !== undefined) {
      oldRequest.begin(lengthBytes);
      return undefined;
    }
    // Before the first hello, and after a torn frame, anything may come: only a message is read.
    if (!isOrdered && !isNative(line)) return undefined;
    if (!isOnPort && beginsHello(line)) return NO_FRAME;
    const reading = messages.readLine(line);
    if (isOrdered) return reading;
    // The bytes of a chunk are not read, but its writer has to learn that the order is lost.
    if (messages.hasBegun) return DROPPED_CHUNK;
    return reading === undefined || reading.kind === "native" ? reading : ignored(line.length);
  };

  const readCut = ({ line, isAlone, refused }: LineStep): Reading | undefined => {
    if (refused !== undefined && isOrdered) return { kind: "broken", error: refused };
    const reading = line && readLine(line);
    if (!isOrdered) messages.drop();
    if (isAlone === true && line !== undefined && !messages.hasBegun) releaseBuffer(line);
    return reading;
  };

  return {
    get isOrdered() {
      return isOrdered;
    },
    set isOrdered(isNow) {
      isOrdered = isNow;
    },
    get hasBegun() {
      return lines.hasBegun || messages.hasBegun || oldRequest.hasBegun;
    },
    get hasBegunMessage() {
      return lines.hasBegun || messages.hasBegun;
    },
    take(bytes) {
      if (oldRequest.hasBegun) {
        const { rest, reading, notFrame } = oldRequest.take(bytes);
        if (notFrame === undefined) return { rest, reading };
        return { rest, reading: isOrdered ? NO_FRAME : ignored(notFrame.parsedBytes) };
      }
      // The bytes of a chunk are not looked at for lines.
      if (messages.hasBegun) {
        const { taken, reading } = messages.take(bytes);
        return { rest: bytes.subarray(taken), reading };
      }
      const cut = lines.take(bytes);
      return { rest: bytes.subarray(cut.taken), reading: readCut(cut) };
    },
    peek: () => (messages.hasBegun ? messages.peek() : lines.peek()),
    drop() {
      lines.drop();
      messages.drop();
      oldRequest.drop();
    },
    lose() {
      isOrdered = false;
      messages.drop();
    },
  };
}

const DROPPED_CHUNK: Reading = { kind: "native", message: { kind: "unknown" }, bytes: 0 };
/** Stands for bytes that are not a frame. An error costs far more than a bad frame, so it is made once. */
export const NO_FRAME: Reading = {
  kind: "broken",
  error: new NegotiatorError("BAD_FRAME", "Cannot read a message: it is neither a hello nor a request"),
};
