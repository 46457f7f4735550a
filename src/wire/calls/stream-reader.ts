/** The receiving end of one byte stream: gives its sender credit as its bytes are read, and checks every claim. */
import { NegotiatorError } from "../../errors.ts";
import { createByteQueue } from "./byte-queue.ts";
import type { StreamTotal } from "../message.ts";

/** Iterate it once; the iteration ends with the stream and throws when the stream was lost. */
export interface StreamReader extends AsyncIterable<Uint8Array> {
  /** Bytes received so far. */
  readonly bytes: number;
  /** A limit on the other side cut the stream short; known when the iteration has ended. */
  readonly isTruncated: boolean;
  /** Bytes before the first one received that were lost to an earlier caller of the same call. */
  readonly missedBytes: number;
  /** No more is wanted: what is queued is dropped and the sender told to stop. */
  cancel(): void;
}

/** What the session does with a reader. Each returns what the peer did wrong, if anything. */
export type ReaderEnd = {
  readonly reader: StreamReader;
  /** The sender may send up to this offset. */
  readonly limit: number;
  readonly isDone: boolean;
  /** Who reads it has all that came, and waits for more. */
  readonly isAwaited: boolean;
  receive(offset: number, bytes: Uint8Array): NegotiatorError | undefined;
  /** The stream has this many bytes in all. */
  finish(total: StreamTotal): NegotiatorError | undefined;
  /** Its first byte is the one at `offset`; the ones before are gone. */
  jump(offset: number): NegotiatorError | undefined;
  fail(error: NegotiatorError): void;
};

type ReaderOptions = {
  windowBytes: number;
  onCredit: () => void;
  onCancel: () => void;
  /** All bytes have come, or no more are wanted. */
  onDone: () => void;
};

export function createReader(options: ReaderOptions): ReaderEnd {
  const queue = createByteQueue();
  let limit = options.windowBytes;
  let received = 0;
  let consumed = 0;
  let missed = 0;
  let total: StreamTotal | undefined;
  let failure: NegotiatorError | undefined;
  let isCancelled = false;
  let isDone = false;
  let isAwaited = false;
  let wake = Promise.withResolvers<void>();

  const settle = (): void => {
    wake.resolve();
    wake = Promise.withResolvers<void>();
    const isComplete = isCancelled || failure !== undefined || received === total?.bytes;
    if (!isComplete || isDone) return;
    isDone = true;
    options.onDone();
  };

  /** Credit is given back in halves of the window, so that a stream of small reads does not cost a message each. */
  const consume = (bytes: number): void => {
    consumed += bytes;
    const next = consumed + options.windowBytes;
    if (isDone || next - limit < options.windowBytes / 2) return;
    limit = next;
    options.onCredit();
  };

  async function* iterate(): AsyncGenerator<Uint8Array, void, void> {
    for (;;) {
      if (isCancelled) return;
      const bytes = queue.shift();
      if (bytes !== undefined) {
        consume(bytes.length);
        yield bytes;
      } else if (failure !== undefined) {
        throw failure;
      } else if (isDone) {
        return;
      } else {
        isAwaited = true;
        await wake.promise;
        isAwaited = false;
      }
    }
  }

  const reader: StreamReader = {
    get bytes() {
      return received - missed;
    },
    get isTruncated() {
      return total?.truncated === true;
    },
    get missedBytes() {
      return missed;
    },
    cancel() {
      const isOpen = !isDone;
      isCancelled = true;
      queue.clear();
      if (isOpen) options.onCancel();
      settle();
    },
    [Symbol.asyncIterator]: iterate,
  };

  return {
    reader,
    get limit() {
      return limit;
    },
    get isDone() {
      return isDone;
    },
    get isAwaited() {
      return isAwaited && !isDone;
    },
    receive(offset, bytes) {
      if (isCancelled) return undefined;
      if (offset !== received) return violation(`it goes on at ${offset}, not at ${received}`);
      if (offset + bytes.length > limit) return violation(`it overran its credit of ${limit} bytes`);
      if (total !== undefined && offset + bytes.length > total.bytes)
        return violation("it goes on after its end");
      received += bytes.length;
      queue.push(bytes);
      settle();
      return undefined;
    },
    finish(final) {
      if (isCancelled) return undefined;
      if (final.bytes < received) return violation(`it ends at ${final.bytes}, but ${received} bytes came`);
      if (total !== undefined && total.bytes !== final.bytes)
        return violation("it ends twice, in different places");
      total = final;
      settle();
      return undefined;
    },
    jump(offset) {
      if (received > 0 || total !== undefined) return violation("it is taken up in its middle");
      missed = received = consumed = offset;
      limit = offset + options.windowBytes;
      return undefined;
    },
    fail(error) {
      if (isDone) return;
      failure = error;
      settle();
    },
  };
}

function violation(what: string): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", `Cannot take a piece of a stream: ${what}`);
}
