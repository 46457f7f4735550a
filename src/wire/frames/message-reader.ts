/** Reads native messages from lines, and the raw bytes that follow the line of a stream chunk. */
import { NegotiatorError } from "../../errors.ts";
import type { Limits } from "../../limits.ts";
import { readBase64Line, readChunkHeader } from "../dialects/chunk-header.ts";
import type { ChunkHeader, Message } from "../message.ts";
import type { ReadStep, Reading } from "../reading.ts";
import { createBlockCutter } from "./block.ts";
import { releaseBuffer } from "../released-bytes.ts";
import { createLineCutter } from "./line.ts";
import { readObject } from "./message-object.ts";
import type { MemoryShare } from "../memory.ts";
import { GAVE_WAY } from "./refusals.ts";
import { createOpeningFinder, isBlank, NATIVE_OPENING } from "./openings.ts";

/** Reads messages strictly: whatever is not a message is `broken`. */
export type MessageReader = {
  /** Whether a message has begun and is not complete. */
  readonly hasBegun: boolean;
  /** Takes bytes up to the end of a message at most. */
  take(bytes: Uint8Array): ReadStep;
  /** Reads a line that was cut already. */
  readLine(line: Uint8Array): Reading | undefined;
  /** Returns the bytes of the begun message, which stay. */
  peek(): Uint8Array;
  /** Throws the begun message away. */
  drop(): void;
};

type Header = ChunkHeader & { seq?: number };

const LF = 0x0a;
const LINE_END = Uint8Array.of(LF);
const NO_BYTES = new Uint8Array(0);

/** Options of a reader. */
export type MessageReaderOptions = {
  /** Whether the channel is a port, on which a raw chunk can be torn. */
  isOnPort: boolean;
  needsChecksum: boolean;
  /** Whether both sides have agreed on raw chunks. */
  acceptsRaw: () => boolean;
  /** Whether a call waits for its answer, which may have very many values; by default one does. */
  awaitsAnswer?: (() => boolean) | undefined;
  /** The peer's share of the memory of all; without it, unfinished messages count only for themselves. */
  memory?: MemoryShare | undefined;
};

/**
 * Creates a reader at the beginning of a message. A listener's reader on a port needs a checksum in each raw
 * chunk: the next hello after a torn chunk could pass for the rest of that chunk.
 */
export function createMessageReader(
  limits: Pick<Limits, "lineBytes">,
  options: MessageReaderOptions,
): MessageReader {
  const { isOnPort, needsChecksum, acceptsRaw, awaitsAnswer = () => true, memory } = options;
  const lines = createLineCutter(limits.lineBytes, memory);
  const payload = createBlockCutter(memory);
  let header: Header | undefined;
  /** The line of the header. */
  let headerLine: Uint8Array = NO_BYTES;
  let openings = createOpeningFinder(NATIVE_OPENING);

  const readLine = (line: Uint8Array): Reading | undefined => {
    if (line.every(isBlank)) return undefined;
    try {
      const message = readChunkHeader(line) ?? readBase64Line(line) ?? readObject(line, awaitsAnswer());
      if (message.kind !== "header") return { kind: "native", message, bytes: line.length };
      if (!acceptsRaw()) return { kind: "broken", error: NOT_AGREED };
      if (needsChecksum && message.crc32 === undefined) return { kind: "broken", error: NO_CHECKSUM };
      header = message;
      headerLine = line;
      payload.begin(message.length + 1);
      openings = createOpeningFinder(NATIVE_OPENING);
      return undefined;
    } catch (thrown) {
      return { kind: "broken", error: NegotiatorError.from(thrown) };
    }
  };

  const takePayload = (bytes: Uint8Array, chunk: Header): ReadStep => {
    const { taken, block, gaveWay } = payload.take(bytes);
    // No payload on a port holds the opening of a message, so the rest of this one was lost.
    const isTorn = isOnPort && openings.find(bytes.subarray(0, taken)) !== undefined;
    if (isTorn) return { taken, reading: { kind: "broken", error: TORN_CHUNK } };
    if (block === undefined) return { taken };
    header = undefined;
    headerLine = NO_BYTES;
    if (gaveWay === true) return { taken, reading: { kind: "broken", error: GAVE_WAY } };
    const { seq, call, stream, offset, length, crc32 } = chunk;
    const content = block.subarray(0, length);
    const isWhole = block[length] === LF && (crc32 === undefined || Bun.hash.crc32(content) === crc32);
    if (!isWhole) return { taken, reading: { kind: "broken", error: TORN_CHUNK } };
    const message: Message = { kind: "data", call, stream, offset, bytes: content };
    if (seq !== undefined) message.seq = seq;
    return { taken, reading: { kind: "native", message, bytes: length } };
  };

  return {
    get hasBegun() {
      return lines.hasBegun || payload.hasBegun;
    },
    take(bytes) {
      if (header !== undefined) return takePayload(bytes, header);
      const { taken, line, isAlone, refused } = lines.take(bytes);
      if (refused !== undefined) return { taken, reading: { kind: "broken", error: refused } };
      const reading = line === undefined ? undefined : readLine(line);
      if (isAlone === true && line !== undefined && header === undefined) releaseBuffer(line);
      return reading === undefined ? { taken } : { taken, reading };
    },
    readLine,
    peek: () => (header === undefined ? lines.peek() : Buffer.concat([headerLine, LINE_END, payload.peek()])),
    drop() {
      header = undefined;
      headerLine = NO_BYTES;
      lines.drop();
      payload.drop();
    },
  };
}

/** Stands for a message that has begun and is not completed. */
export const TORN: Reading = {
  kind: "broken",
  error: new NegotiatorError("BAD_FRAME", "A message has begun, and the rest of it does not come"),
};

/** An error costs far more than the bytes of a bad frame, so each is made once. */
const TORN_CHUNK = new NegotiatorError("BAD_FRAME", "Cannot read a stream chunk: it is torn");
const NOT_AGREED = new NegotiatorError("BAD_FRAME", "Cannot read a raw stream chunk: it was not agreed on");
const NO_CHECKSUM = new NegotiatorError("BAD_FRAME", "Cannot read a stream chunk: it has no checksum");
