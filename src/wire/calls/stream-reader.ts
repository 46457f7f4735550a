/** The receiving end of one byte stream: queues its bytes, and gives its sender credit as they are read. */
import type { NegotiatorError } from "../../errors.ts";
import { createByteQueue } from "./byte-queue.ts";
import type { StreamTotal } from "../message.ts";
import { createReceiveWindow } from "./receive-window.ts";

/** A received stream, iterated once. The iteration ends with the stream, and throws when the call failed. */
export interface StreamReader extends AsyncIterable<Uint8Array> {
  /** Bytes received so far. */
  readonly bytes: number;
  /** Whether a limit on the other side cut the stream short. Known when the iteration has ended. */
  readonly isTruncated: boolean;
  /** Bytes before the first received one, which went to an earlier caller of the same call. */
  readonly missedBytes: number;
  /** Ends the iteration, throws away the queued bytes, and asks the sender to stop. */
  cancel(): void;
}

/** The session's side of a reader. `receive`, `finish` and `jump` return the peer's violation, if any. */
export type ReaderEnd = {
  readonly reader: StreamReader;
  /** The sender may send up to this offset. */
  readonly limit: number;
  /** Whether all bytes were received, or no more are wanted. */
  readonly isDone: boolean;
  /** Whether a reader has taken all received bytes and waits for more. */
  readonly isAwaited: boolean;
  /** Takes a chunk that begins at `offset`. */
  receive(offset: number, bytes: Uint8Array): NegotiatorError | undefined;
  /** Sets the stream's total. */
  finish(total: StreamTotal): NegotiatorError | undefined;
  /** Starts the stream at `offset`; the bytes before it count as missed. */
  jump(offset: number): NegotiatorError | undefined;
  /** Makes the iteration throw `error` after the bytes that were received. */
  fail(error: NegotiatorError): void;
};

type ReaderOptions = {
  windowBytes: number;
  /** Called when `limit` has grown. */
  onCredit: () => void;
  onCancel: () => void;
  /** Called once, when the reader is done. */
  onDone: () => void;
};

/** Creates a reader whose sender may be `windowBytes` ahead of it. */
export function createReader(options: ReaderOptions): ReaderEnd {
  const queue = createByteQueue();
  const window = createReceiveWindow(options.windowBytes);
  let failure: NegotiatorError | undefined;
  let isCancelled = false;
  let isDone = false;
  let isAwaited = false;
  let wake = Promise.withResolvers<void>();

  const settle = (): void => {
    wake.resolve();
    wake = Promise.withResolvers<void>();
    if (isDone || !(isCancelled || failure !== undefined || window.isComplete)) return;
    isDone = true;
    options.onDone();
  };

  async function* iterate(): AsyncGenerator<Uint8Array, void, void> {
    for (;;) {
      if (isCancelled) return;
      const bytes = queue.shift();
      if (bytes !== undefined) {
        if (!isDone && window.consume(bytes.length)) options.onCredit();
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
      return window.offset - window.missedBytes;
    },
    get isTruncated() {
      return window.isTruncated;
    },
    get missedBytes() {
      return window.missedBytes;
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
      return window.limit;
    },
    get isDone() {
      return isDone;
    },
    get isAwaited() {
      return isAwaited && !isDone;
    },
    receive(offset, bytes) {
      if (isCancelled) return undefined;
      const violation = window.receive(offset, bytes.length);
      if (violation !== undefined) return violation;
      queue.push(bytes);
      settle();
      return undefined;
    },
    finish(total) {
      if (isCancelled) return undefined;
      const violation = window.finish(total);
      if (violation === undefined) settle();
      return violation;
    },
    jump: (offset) => window.jump(offset),
    fail(error) {
      if (isDone) return;
      failure = error;
      settle();
    },
  };
}
