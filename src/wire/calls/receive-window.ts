/** Counts the bytes of one received stream, and checks each chunk against its credit and its end. */
import { NegotiatorError } from "../../errors.ts";
import type { StreamTotal } from "../message.ts";
import type { MemoryShare } from "../memory.ts";
import type { CreditPool } from "./credit-pool.ts";

/** The flow control of a receiving stream. Each check returns the peer's violation, if there is one. */
export type ReceiveWindow = {
  /** Offset after the last received byte. */
  readonly offset: number;
  /** The sender may send up to this offset. */
  readonly limit: number;
  /** Bytes before the offset at which the stream began here. */
  readonly missedBytes: number;
  /** Whether a limit on the sender's side cut the stream short. */
  readonly isTruncated: boolean;
  /** Whether all bytes up to the announced end were received. */
  readonly isComplete: boolean;
  /** Counts a received chunk. */
  receive(offset: number, length: number): NegotiatorError | undefined;
  /** Sets the stream's total, of which a part may still come. */
  announce(total: StreamTotal): NegotiatorError | undefined;
  /** Ends the stream here. */
  end(total: StreamTotal): NegotiatorError | undefined;
  /** Starts the stream at `offset`. */
  begin(offset: number): NegotiatorError | undefined;
  /** Counts bytes that the reader took. Returns whether `limit` grew. */
  consume(length: number): boolean;
  /** Gives the window's extra credit back. */
  close(): void;
  freeze(): FrozenWindow;
};

/** The numbers of a window. */
export type FrozenWindow = {
  windowBytes: number;
  limit: number;
  received: number;
  consumed: number;
  missed: number;
  grownAt: number;
  hasEnded: boolean;
  total?: StreamTotal;
};

/**
 * The credit of a stream, in bytes: at first and at most. `pool` has the credit beyond the first. Bytes that
 * wait for their reader are in `memory`, the peer's share of the memory of all.
 */
export type WindowOptions = {
  firstBytes: number;
  mostBytes: number;
  pool: CreditPool;
  memory?: MemoryShare;
};

/** Creates a window in which the sender may be `firstBytes` ahead of the reader, or more if that keeps up. */
export function createReceiveWindow(
  { firstBytes, mostBytes, pool }: WindowOptions,
  frozen: Partial<FrozenWindow> = {},
): ReceiveWindow {
  let { windowBytes = firstBytes, limit = firstBytes, received = 0, consumed = 0, missed = 0 } = frozen;
  /** `grownAt`: offset at which the window last grew. */
  let { grownAt = 0, hasEnded = false, total } = frozen;
  // The peer has this credit already. A pool with less gives no more of it.
  if (windowBytes > firstBytes && !pool.take(windowBytes - firstBytes)) windowBytes = firstBytes;

  const grow = (): void => {
    const hasKeptUp = consumed === received && received - grownAt >= windowBytes;
    const more = Math.min(windowBytes, mostBytes - windowBytes);
    if (!hasKeptUp || more <= 0 || !pool.take(more)) return;
    windowBytes += more;
    grownAt = received;
  };

  const announce = (final: StreamTotal): NegotiatorError | undefined => {
    if (final.bytes < received)
      return violation(`the stream ends at ${final.bytes}, but ${received} bytes came`);
    if (total !== undefined && total.bytes !== final.bytes)
      return violation(`the stream ends at ${total.bytes}, and then at ${final.bytes}`);
    total = final;
    return undefined;
  };

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
      if (hasEnded) return violation("it comes after the end of the stream");
      if (length === 0) return violation("it is empty");
      if (offset !== received) return violation(`it begins at offset ${offset}, not at ${received}`);
      if (end > limit) return violation(`it exceeds the credit of ${limit} bytes`);
      if (total !== undefined && end > total.bytes)
        return violation("it goes on after the end of the stream");
      received = end;
      return undefined;
    },
    announce,
    end(final) {
      if (hasEnded) return violation("the stream ends twice");
      if (final.bytes > received)
        return violation(`the stream ends at ${final.bytes}, but only ${received} bytes came`);
      hasEnded = true;
      return announce(final);
    },
    begin(offset) {
      if (received > 0 || total !== undefined) return violation("the stream begins twice");
      missed = received = consumed = grownAt = offset;
      limit = offset + windowBytes;
      return undefined;
    },
    consume(length) {
      consumed += length;
      grow();
      const next = consumed + windowBytes;
      // A stream of small reads would cost a message for each, so credit is given back in halves of the
      // window.
      if (next - limit < windowBytes / 2) return false;
      limit = next;
      return true;
    },
    close() {
      pool.give(windowBytes - firstBytes);
      windowBytes = firstBytes;
    },
    freeze() {
      const numbers = { windowBytes, limit, received, consumed, missed, grownAt, hasEnded };
      return total === undefined ? numbers : { ...numbers, total };
    },
  };
}

function violation(reason: string): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", `Cannot take a stream chunk: ${reason}`);
}
