/** The sending end of one byte stream: holds what was written until credit lets it go, in pieces of bounded size. */
import { NegotiatorError } from "../../errors.ts";
import { CHUNK_BYTES } from "../../limits.ts";
import type { StreamTotal } from "../message.ts";

export interface StreamWriter {
  /** Resolves when all the bytes have gone out; rejects with `CLOSED` when the reader wants no more, or with what ended the call. */
  write(bytes: Uint8Array): Promise<void>;
  /** No more will be written; `truncated` says that a limit cut the stream. Ending twice does nothing. */
  end(options?: { truncated?: boolean }): void;
  /** Aborted when the reader wants no more. */
  readonly stopped: AbortSignal;
}

export type Chunk = { offset: number; bytes: Uint8Array };

/** What the session does with a writer. */
export type WriterEnd = {
  readonly writer: StreamWriter;
  /** Bytes written so far, sent or not: after `end` the stream's total. */
  readonly total: StreamTotal;
  /** Offset of the next byte to go out. */
  readonly offset: number;
  /** Nothing more will ever go out. */
  readonly isDone: boolean;
  /** The next piece that credit allows; undefined when there is none. */
  pull(): Chunk | undefined;
  /** True once, when everything has gone out and the end has to be told. */
  pullEnd(): boolean;
  /** The reader takes bytes up to this offset; a smaller limit than before changes nothing. */
  credit(limit: number): void;
  /** A new reader starts with this much credit beyond what has gone out already. */
  rebase(creditBytes: number): void;
  stop(): void;
  fail(error: NegotiatorError): void;
};

type Pending = { bytes: Uint8Array; resolve: () => void; reject: (error: NegotiatorError) => void };

type WriterOptions = {
  creditBytes: number;
  /** There may be something to pull. */
  onReady: () => void;
  /** Nothing more will ever go out. */
  onDone: () => void;
};

export function createWriter(options: WriterOptions): WriterEnd {
  const queue: Pending[] = [];
  const stopping = new AbortController();
  let limit = options.creditBytes;
  let offset = 0;
  let queuedBytes = 0;
  let isEnded = false;
  let isEndTold = false;
  let isTruncated = false;
  let closed: NegotiatorError | undefined;

  const close = (error: NegotiatorError): void => {
    if (closed !== undefined) return;
    closed = error;
    for (const { reject } of queue) reject(error);
    queue.length = 0;
    queuedBytes = 0;
    options.onDone();
  };

  return {
    writer: {
      stopped: stopping.signal,
      write(bytes) {
        if (closed !== undefined) return Promise.reject(closed);
        if (isEnded)
          return Promise.reject(new NegotiatorError("CLOSED", "Cannot write to a stream after its end"));
        if (bytes.length === 0) return Promise.resolve();
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        queue.push({ bytes, resolve, reject });
        queuedBytes += bytes.length;
        options.onReady();
        return promise;
      },
      end({ truncated = false } = {}) {
        if (isEnded) return;
        isEnded = true;
        isTruncated = truncated;
        options.onReady();
      },
    },
    get total() {
      const bytes = offset + queuedBytes;
      return isTruncated ? { bytes, truncated: true } : { bytes };
    },
    get offset() {
      return offset;
    },
    get isDone() {
      return closed !== undefined || (isEnded && isEndTold);
    },
    pull() {
      const [first] = queue;
      const room = Math.min(limit - offset, CHUNK_BYTES);
      if (first === undefined || room <= 0) return undefined;
      const bytes = first.bytes.subarray(0, cutBetweenCharacters(first.bytes, room));
      const chunk = { offset, bytes };
      offset += bytes.length;
      queuedBytes -= bytes.length;
      first.bytes = first.bytes.subarray(bytes.length);
      if (first.bytes.length === 0) queue.shift()?.resolve();
      return chunk;
    },
    pullEnd() {
      if (!isEnded || isEndTold || queue.length > 0 || closed !== undefined) return false;
      isEndTold = true;
      options.onDone();
      return true;
    },
    credit(newLimit) {
      if (newLimit <= limit) return;
      limit = newLimit;
      options.onReady();
    },
    rebase(creditBytes) {
      limit = offset + creditBytes;
      options.onReady();
    },
    stop() {
      close(new NegotiatorError("CLOSED", "Nobody reads this stream any more"));
      stopping.abort();
    },
    fail: close,
  };
}

/** Where to cut so that a character of UTF-8 text is not split: a piece that is text can then travel as text. */
function cutBetweenCharacters(bytes: Uint8Array, most: number): number {
  if (bytes.length <= most) return bytes.length;
  for (let cut = most; cut > most - 4 && cut > 0; cut--) {
    if (((bytes[cut] ?? 0) & 0xc0) !== 0x80) return cut;
  }
  return most;
}
