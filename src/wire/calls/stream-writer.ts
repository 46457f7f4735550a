/**
 * The sending end of one byte stream: queues written bytes, and gives them out in chunks as credit allows.
 */
import { NegotiatorError } from "../../errors.ts";
import { CHUNK_BYTES } from "../../limits.ts";
import { fromWireError, toWireError } from "../message.ts";
import type { StreamTotal, WireError } from "../message.ts";

/** A sent stream. */
export interface StreamWriter {
  /**
   * Resolves when all the bytes were sent. Rejects with `CLOSED` after `end` and when the reader wants no
   * more, or with the error that ended the call.
   */
  write(bytes: Uint8Array): Promise<void>;
  /**
   * Ends the stream after the queued bytes. `truncated` marks that a limit cut it. Ending twice does nothing.
   */
  end(options?: { truncated?: boolean }): void;
  /** Bytes that were sent so far, without those that are still queued. */
  readonly sentBytes: number;
}

/** A chunk of a stream, and the offset of its first byte. */
export type Chunk = { offset: number; bytes: Uint8Array };

/** The session's side of a writer. */
export type WriterEnd = {
  readonly writer: StreamWriter;
  /** Bytes written so far, sent or queued. After `end` this is the stream's total. A stopped stream ends with
   * the bytes that were sent. */
  readonly total: StreamTotal;
  /** Offset of the next byte to send. */
  readonly offset: number;
  /** Whether the end was sent, or the stream has failed. */
  readonly isDone: boolean;
  /** Removes and returns the next chunk that credit allows; undefined when there is none. */
  pull(): Chunk | undefined;
  /** Returns true once: when all bytes were sent and the end is to be sent. */
  pullEnd(): boolean;
  /** Allows bytes up to the offset `limit`. A smaller limit than before does nothing. */
  credit(limit: number): void;
  /** Leaves out the bytes before `offset`: the reader has them already, or does not need them. */
  begin(offset: number): void;
  /** Gives a new reader's credit: `creditBytes` after the bytes that were sent already. */
  rebase(creditBytes: number): void;
  /** Rejects queued and later writes with `CLOSED`: the reader wants no more. */
  stop(): void;
  /** Rejects queued and later writes with `error`. */
  fail(error: NegotiatorError): void;
  freeze(): FrozenWriter;
};

/**
 * A writer as plain data. `queued` are the bytes that wait, if any do; `skipped` is the number of later
 * ones that are left out.
 */
export type FrozenWriter = {
  limit: number;
  offset: number;
  isEnded: boolean;
  isEndSent: boolean;
  isTruncated: boolean;
  closed?: WireError;
  queued?: Uint8Array;
  skipped: number;
};

type WriterOptions = {
  frozen?: FrozenWriter | undefined;
  creditBytes: number;
  /** Called when `pull` or `pullEnd` may have something. */
  onReady: () => void;
  /** Called once, when the writer is done. */
  onDone: () => void;
};

/**
 * Creates a writer that may send `creditBytes` bytes at first, or a frozen one again, for which `onDone` is
 * not called.
 */
export function createWriter(options: WriterOptions): WriterEnd {
  const { frozen } = options;
  const writes = createWaitingWrites(frozen);
  let { limit = options.creditBytes, offset = 0 }: Partial<FrozenWriter> = frozen ?? {};
  let { isEnded = false, isEndSent = false, isTruncated = false }: Partial<FrozenWriter> = frozen ?? {};
  let closed = frozen?.closed && fromWireError(frozen.closed, true);

  const close = (error: NegotiatorError): void => {
    if (closed !== undefined) return;
    closed = error;
    writes.reject(error);
    options.onDone();
  };

  return {
    writer: {
      get sentBytes() {
        return offset;
      },
      write(bytes) {
        if (closed !== undefined) return Promise.reject(closed);
        if (isEnded)
          return Promise.reject(new NegotiatorError("CLOSED", "Cannot write to a stream after its end"));
        const written = writes.add(bytes);
        if (written === undefined) return Promise.resolve();
        options.onReady();
        return written;
      },
      end({ truncated = false } = {}) {
        if (isEnded) return;
        isEnded = true;
        isTruncated = truncated;
        options.onReady();
      },
    },
    get total() {
      const bytes = offset + writes.bytes;
      // A reader that stopped the stream knows that more bytes may have come.
      return isTruncated && closed === undefined ? { bytes, truncated: true } : { bytes };
    },
    get offset() {
      return offset;
    },
    get isDone() {
      return closed !== undefined || (isEnded && isEndSent);
    },
    pull() {
      const room = Math.min(limit - offset, CHUNK_BYTES);
      const bytes = room > 0 ? writes.take(room) : undefined;
      if (bytes === undefined) return undefined;
      const chunk = { offset, bytes };
      offset += bytes.length;
      return chunk;
    },
    pullEnd() {
      if (!isEnded || isEndSent || writes.bytes > 0 || closed !== undefined) return false;
      isEndSent = true;
      options.onDone();
      return true;
    },
    credit(newLimit) {
      if (newLimit <= limit) return;
      limit = newLimit;
      options.onReady();
    },
    begin(start) {
      writes.leaveOut(start - offset);
      offset = start;
    },
    rebase(creditBytes) {
      limit = offset + creditBytes;
      options.onReady();
    },
    stop() {
      close(new NegotiatorError("CLOSED", "The reader has stopped this stream"));
    },
    fail: close,
    freeze() {
      const ends = { isEnded, isEndSent, isTruncated };
      const failure = closed === undefined ? {} : { closed: toWireError(closed) };
      return { limit, offset, ...ends, ...writes.freeze(), ...failure };
    },
  };
}

type WaitingWrite = { bytes: Uint8Array; resolve: () => void; reject: (error: NegotiatorError) => void };

type WaitingWrites = {
  /** The number of bytes that wait. */
  readonly bytes: number;
  /** Adds bytes, and resolves when all of them were taken. Undefined when all of them are left out. */
  add(bytes: Uint8Array): Promise<void> | undefined;
  /** Removes and returns bytes of one write; at most so many. */
  take(mostBytes: number): Uint8Array | undefined;
  /** Leaves out the next bytes, also of later writes. */
  leaveOut(bytes: number): void;
  reject(error: NegotiatorError): void;
  freeze(): Pick<FrozenWriter, "queued" | "skipped">;
};

function createWaitingWrites(frozen?: Pick<FrozenWriter, "queued" | "skipped">): WaitingWrites {
  const queue: WaitingWrite[] = [];
  let queuedBytes = 0;
  /** Bytes that are still to be left out, because the stream begins after them. */
  let skippedBytes = frozen?.skipped ?? 0;
  if (frozen?.queued !== undefined) {
    queue.push({ bytes: frozen.queued, resolve: () => undefined, reject: () => undefined });
    queuedBytes = frozen.queued.length;
  }

  const skip = (bytes: Uint8Array): Uint8Array => {
    const skipped = Math.min(skippedBytes, bytes.length);
    skippedBytes -= skipped;
    return bytes.subarray(skipped);
  };

  return {
    get bytes() {
      return queuedBytes;
    },
    add(bytes) {
      const wanted = skip(bytes);
      if (wanted.length === 0) return undefined;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      queue.push({ bytes: wanted, resolve, reject });
      queuedBytes += wanted.length;
      return promise;
    },
    take(mostBytes) {
      const [first] = queue;
      if (first === undefined) return undefined;
      const bytes = first.bytes.subarray(0, cutBetweenCharacters(first.bytes, mostBytes));
      queuedBytes -= bytes.length;
      first.bytes = first.bytes.subarray(bytes.length);
      if (first.bytes.length === 0) queue.shift()?.resolve();
      return bytes;
    },
    leaveOut(bytes) {
      skippedBytes = bytes;
      queuedBytes = 0;
      for (const waiting of queue.splice(0)) {
        const wanted = skip(waiting.bytes);
        if (wanted.length === 0) waiting.resolve();
        else queue.push({ ...waiting, bytes: wanted });
        queuedBytes += wanted.length;
      }
    },
    reject(error) {
      for (const { reject } of queue) reject(error);
      queue.length = 0;
      queuedBytes = 0;
    },
    freeze() {
      const queued = Buffer.concat(queue.map(({ bytes }) => bytes));
      return { ...(queued.length > 0 && { queued }), skipped: skippedBytes };
    },
  };
}

/** A chunk travels as text only if it is valid UTF-8, so the cut must not split a character. */
function cutBetweenCharacters(bytes: Uint8Array, most: number): number {
  if (bytes.length <= most) return bytes.length;
  for (let cut = most; cut > most - 4 && cut > 0; cut--) {
    if (((bytes[cut] ?? 0) & 0xc0) !== 0x80) return cut;
  }
  return most;
}
