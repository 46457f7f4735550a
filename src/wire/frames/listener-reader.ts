/**
 * Reads the bytes of a listener's port: hellos wherever they stand, native messages, and the requests of old
 * hosts. docs/PROTOCOL.md, "Frames", has the rules.
 */
import { NegotiatorError } from "../../errors.ts";
import type { Limits } from "../../limits.ts";
import { native } from "../dialects/native.ts";
import { parseJsonObject } from "../json.ts";
import type { Message } from "../message.ts";
import type { ReadStep, Reading } from "../reading.ts";
import { createBlockCutter } from "./block.ts";
import { readLengthPrefix } from "./length-prefixed.ts";
import { createLineCutter } from "./line.ts";
import { createMessageReader, tooLong } from "./message-reader.ts";
import { beginsOldObject, createOpeningFinder, HELLO_OPENING, isNative } from "./openings.ts";

/** Reads frames. */
export type FrameReader = {
  /** Whether a frame has begun and is not complete. */
  readonly hasBegun: boolean;
  /** Yields what the bytes hold, in order. The caller may stop early if it calls `reset` next. */
  push(bytes: Uint8Array): Generator<Reading, void, undefined>;
  /** Throws a begun frame away, because the rest of it will not come. Returns what that means. */
  drop(): Reading | undefined;
  /** The order of messages is lost: only a hello, or an old host's request, counts from now on. */
  lose(): void;
  /** Begins with the bytes of another channel. */
  reset(): void;
};

type ReaderLimits = Pick<Limits, "lineBytes" | "lengthPrefixedBytes">;

/**
 * Creates the reader of a listener. On a socket, which loses nothing, a hello counts only as the first frame,
 * and a raw chunk may hold anything.
 */
export function createListenerReader(
  limits: ReaderLimits,
  { isOnPort, acceptsRaw }: { isOnPort: boolean; acceptsRaw: () => boolean },
): FrameReader {
  const messages = createMessageReader(limits, { isOnPort, needsChecksum: isOnPort, acceptsRaw });
  const lines = createLineCutter(limits.lineBytes);
  const oldRequest = createBlockCutter();
  let hellos = createOpeningFinder(HELLO_OPENING);
  let isInHello = false;
  /** The length of the last length-prefixed frame, as its first line says. */
  let announcedBytes = 0;
  /** Whether the last byte was the end of a frame, or belongs to one whose beginning was seen. */
  let isOrdered = false;

  const lose = (): void => {
    isOrdered = false;
    messages.drop();
  };

  const startHello = (): void => {
    messages.drop();
    oldRequest.drop();
    lines.drop();
    lines.take(HELLO_OPENING);
    isInHello = true;
  };

  const readHello = ({ taken, line }: ReturnType<typeof lines.take>): ReadStep => {
    const message = line === undefined ? undefined : decodeHello(line);
    isInHello = false;
    const wasOrdered = isOrdered;
    isOrdered = message !== undefined;
    if (message !== undefined) return { taken, reading: { kind: "hello", message } };
    return withReading(taken, wasOrdered ? NO_FRAME : undefined);
  };

  const readLine = (line: Uint8Array): Reading | undefined => {
    const lengthBytes = readLengthPrefix(line);
    if (lengthBytes !== undefined) {
      announcedBytes = lengthBytes;
      oldRequest.begin(lengthBytes, lengthBytes <= limits.lengthPrefixedBytes);
      return undefined;
    }
    // Before the first hello, and after a torn frame, anything may come: only a message is read.
    if (!isOrdered && !isNative(line)) return undefined;
    const reading = messages.readLine(line);
    if (isOrdered) return reading;
    // The bytes of a chunk are not read, but its writer has to learn that the order is lost.
    if (messages.hasBegun) return DROPPED_CHUNK;
    return reading?.kind === "native" ? reading : undefined;
  };

  const readOldRequest = (body: Uint8Array): Reading | undefined => {
    // A torn line can look like a length, so a request is refused only when all of its bytes were there.
    if (announcedBytes > limits.lengthPrefixedBytes)
      return { kind: "unreadable", error: tooLarge(announcedBytes) };
    const object = beginsOldObject(body) ? parseOldRequest(body) : undefined;
    if (object !== undefined) return { kind: "foreign", object };
    return isOrdered ? NO_FRAME : undefined;
  };

  const stepInOldRequest = (bytes: Uint8Array): ReadStep => {
    // A raw chunk can end in digits, and the next native message is not the object that they seem to announce.
    if (!oldRequest.isFilled && !beginsOldObject(bytes)) {
      oldRequest.drop();
      return withReading(0, isOrdered ? NO_FRAME : undefined);
    }
    const { taken, block } = oldRequest.take(bytes);
    return withReading(taken, block && readOldRequest(block));
  };

  const step = (bytes: Uint8Array): ReadStep => {
    if (oldRequest.hasBegun) return stepInOldRequest(bytes);
    // Inside a chunk there are no lines of ours to look at.
    if (messages.hasBegun) return messages.take(bytes);
    const cut = lines.take(bytes);
    if (cut.line === undefined && cut.isTooLong !== true) return cut;
    if (isInHello) return readHello(cut);
    if (cut.line !== undefined) {
      const reading = readLine(cut.line);
      if (!isOrdered) messages.drop();
      return withReading(cut.taken, reading);
    }
    const reading: Reading = { kind: "broken", error: tooLong(limits.lineBytes) };
    return isOrdered ? { taken: cut.taken, reading } : cut;
  };

  function* read(bytes: Uint8Array): Generator<Reading, void, undefined> {
    for (let rest = bytes; rest.length > 0;) {
      const { taken, reading } = step(rest);
      rest = rest.subarray(taken);
      if (reading?.kind === "broken") lose();
      if (reading !== undefined) yield reading;
    }
  }

  const findHello = (bytes: Uint8Array): number | undefined =>
    isOnPort || !isOrdered ? hellos.find(bytes) : undefined;

  return {
    get hasBegun() {
      return lines.hasBegun || messages.hasBegun || oldRequest.hasBegun;
    },
    *push(bytes) {
      let rest = bytes;
      for (let place = findHello(rest); place !== undefined; place = findHello(rest)) {
        if (place > 0) yield* read(rest.subarray(0, place));
        startHello();
        rest = rest.subarray(place + HELLO_OPENING.length);
      }
      yield* read(rest);
    },
    drop() {
      const wasInOrder = isOrdered && (lines.hasBegun || messages.hasBegun);
      lines.drop();
      oldRequest.drop();
      isInHello = false;
      if (!wasInOrder) return undefined;
      lose();
      return { kind: "broken", error: TORN };
    },
    lose,
    reset() {
      lines.drop();
      oldRequest.drop();
      lose();
      isInHello = false;
      hellos = createOpeningFinder(HELLO_OPENING);
    },
  };
}

/** The error for a frame that is not completed. */
export const TORN = new NegotiatorError("BAD_FRAME", "A message has begun, and the rest of it does not come");

const DROPPED_CHUNK: Reading = { kind: "native", message: { kind: "unknown" }, bytes: 0 };
/** An error costs far more than the bytes of a bad frame, so it is made once. */
const NO_FRAME: Reading = {
  kind: "broken",
  error: new NegotiatorError("BAD_FRAME", "Cannot read a message: it is neither a hello nor a request"),
};

function decodeHello(line: Uint8Array): Message | undefined {
  try {
    const message = native.decode(parseJsonObject(line));
    return message.kind === "request" ? message : undefined;
  } catch {
    return undefined;
  }
}

function parseOldRequest(body: Uint8Array): ReturnType<typeof parseJsonObject> | undefined {
  try {
    const object = parseJsonObject(body);
    return native.recognises(object) ? undefined : object;
  } catch {
    return undefined;
  }
}

function withReading(taken: number, reading: Reading | undefined): ReadStep {
  return reading === undefined ? { taken } : { taken, reading };
}

function tooLarge(bytes: number): NegotiatorError {
  return new NegotiatorError("TOO_LARGE", `Cannot take a message of ${bytes} bytes`);
}
