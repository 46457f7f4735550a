/** A stream of output that this side writes itself, for a call in a dialect without streams. */
import type { NegotiatorError } from "../../errors.ts";
import { DEFAULT_LIMITS } from "../../limits.ts";
import { createByteQueue } from "../../wire/calls/byte-queue.ts";
import type { StreamReader } from "../../wire/calls/stream-reader.ts";

/** A pipe with one writer and one reader. */
export type OutputPipe = {
  readonly reader: StreamReader;
  /**
   * Adds a copy of the bytes. Waits while the reader is far behind. Rejects after `fail`. Bytes are dropped
   * when the reader wants no more.
   */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends the stream. */
  end(): void;
  /** Makes reading and writing reject with `error`, after the bytes that were written. */
  fail(error: NegotiatorError): void;
};

/** A pipe that no reader has emptied holds at most so much, and one write. */
const WAITING_BYTES = DEFAULT_LIMITS.firstCreditBytes;

/** Creates an empty pipe. */
export function createOutputPipe(): OutputPipe {
  const queue = createByteQueue();
  let waitingBytes = 0;
  let writtenBytes = 0;
  let state: "open" | "ended" | "cancelled" = "open";
  let failure: NegotiatorError | undefined;
  let changed = Promise.withResolvers<void>();

  const change = (): void => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  const cancel = (): void => {
    if (state === "open") state = "cancelled";
    queue.clear();
    waitingBytes = 0;
    change();
  };

  const waitForRoom = async (): Promise<void> => {
    for (;;) {
      if (failure !== undefined) throw failure;
      if (waitingBytes <= WAITING_BYTES) return;
      await changed.promise;
    }
  };

  async function* read(): AsyncGenerator<Uint8Array, undefined, undefined> {
    for (;;) {
      const bytes = queue.shift();
      if (bytes !== undefined) {
        waitingBytes -= bytes.length;
        change();
        yield bytes;
      } else if (failure !== undefined) throw failure;
      else if (state !== "open") return undefined;
      else await changed.promise;
    }
  }

  return {
    reader: {
      get bytes() {
        return writtenBytes;
      },
      isTruncated: false,
      missedBytes: 0,
      cancel,
      [Symbol.asyncIterator]: read,
    },
    async write(bytes) {
      if (failure !== undefined) throw failure;
      if (state !== "open") return;
      queue.push(new Uint8Array(bytes));
      writtenBytes += bytes.length;
      waitingBytes += bytes.length;
      change();
      await waitForRoom();
    },
    end() {
      if (state === "open") state = "ended";
      change();
    },
    fail(error) {
      if (state !== "open") return;
      failure = error;
      change();
    },
  };
}
