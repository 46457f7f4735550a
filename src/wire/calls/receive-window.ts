/** Counts the bytes of one received stream, and checks each chunk against its credit and its end. */
import { NegotiatorError } from "../../errors.ts";
import type { StreamTotal } from "../message.ts";

/** The flow control of a receiving stream. Each check returns the peer's violation, if there is one. */
export type ReceiveWindow = {
  /** Offset after the last received byte. */
  readonly offset: number;
  /** The sender may send up to this offset. */
  readonly limit: number;
  /** Bytes that went to an earlier caller of the same call. */
  readonly missedBytes: number;
  /** Whether a limit on the sender's side cut the stream short. */
  readonly isTruncated: boolean;
  /** Whether all bytes up to the announced end were received. */
  readonly isComplete: boolean;
  /** Counts a received chunk. */
  receive(offset: number, length: number): NegotiatorError | undefined;
  /** Sets the stream's total. */
  finish(total: StreamTotal): NegotiatorError | undefined;
  /** Starts the stream at `offset`. */
  jump(offset: number): NegotiatorError | undefined;
  /** Counts bytes that the reader took. Returns whether `limit` grew. */
  consume(length: number): boolean;
};

/** Creates a window in which the sender may be `windowBytes` ahead of the reader. */
export function createReceiveWindow(windowBytes: number): ReceiveWindow {
  let limit = windowBytes;
  let received = 0;
  let consumed = 0;
  let missed = 0;
  let total: StreamTotal | undefined;

  return {
    get offset() {
      return received;
    },
    get limit() {
      return limit;
    },
    get missedBytes() {
      return missed;
    },
    get isTruncated() {
      return total?.truncated === true;
    },
    get isComplete() {
      return received === total?.bytes;
    },
    receive(offset, length) {
      const end = offset + length;
      if (offset !== received) return violation(`it begins at offset ${offset}, not at ${received}`);
      if (end > limit) return violation(`it exceeds the credit of ${limit} bytes`);
      if (total !== undefined && end > total.bytes)
        return violation("it goes on after the end of the stream");
      received = end;
      return undefined;
    },
    finish(final) {
      if (final.bytes < received)
        return violation(`the stream ends at ${final.bytes}, but ${received} bytes came`);
      if (total !== undefined && total.bytes !== final.bytes)
        return violation(`the stream ends at ${total.bytes}, and then at ${final.bytes}`);
      total = final;
      return undefined;
    },
    jump(offset) {
      if (received > 0 || total !== undefined)
        return violation("the stream is attached after its first byte");
      missed = received = consumed = offset;
      limit = offset + windowBytes;
      return undefined;
    },
    consume(length) {
      consumed += length;
      const next = consumed + windowBytes;
      // A stream of small reads would cost a message for each, so credit is given back in halves of the
      // window.
      if (next - limit < windowBytes / 2) return false;
      limit = next;
      return true;
    },
  };
}

function violation(reason: string): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", `Cannot take a stream chunk: ${reason}`);
}
