/** Estimates the time of the messages in a piece that need no answer. */

/** The most that a message and each of its bytes take of a slow processor. */
const MOST_MESSAGE_MS = 0.03;
const MOST_BYTE_MS = 0.0002;

/** A message with at least so many bytes before its last piece is long. */
export const LONG_BYTES = 128 * 1024;

/**
 * The pieces of a message that has begun and not ended: their bytes, and the milliseconds that they took.
 * `waitedMs`: how long they have waited for gaps between long messages.
 */
export type BegunMessage = { bytes: number; ms: number; waitedMs: number };

/** No message has begun. */
export const NOT_BEGUN: Readonly<BegunMessage> = { bytes: 0, ms: 0, waitedMs: 0 };

/**
 * Returns the bytes and the milliseconds of a piece, with the pieces before it of a long message that ends in
 * it. Counts a piece without an end in `begun`, and empties that after an end.
 */
export function joinPieces(
  begun: BegunMessage,
  { messages, bytes }: Pick<PieceCounts, "messages" | "bytes">,
  ms: number,
): Pick<BegunMessage, "bytes" | "ms"> {
  const joined = { bytes: begun.bytes + bytes, ms: begun.ms + ms };
  // A cut sends shorter messages again, such as stream chunks, and that must not hold up the next channel.
  const isLong = begun.bytes >= LONG_BYTES;
  Object.assign(begun, messages > 0 ? NOT_BEGUN : joined);
  return isLong ? joined : { bytes, ms };
}

/**
 * Counts of a piece of a channel's bytes: its messages and its bytes in all. `unneeded`, `unneededBytes` and
 * `unsized`: as in `Traffic`.
 */
export type PieceCounts = {
  messages: number;
  bytes: number;
  unneeded: number;
  unneededBytes: number;
  unsized: number;
};

/**
 * Returns how many of the `ms` that the piece took its unneeded messages cost, in milliseconds. On a busy
 * machine other processes make `ms` longer, so the peer pays for no more than these messages can cost.
 */
export function estimateUnneeded(ms: number, piece: PieceCounts): number {
  const { messages, unneeded, unsized } = piece;
  if (unneeded === 0) return 0;
  const bytes = unsized > 0 ? Math.max(piece.bytes, piece.unneededBytes) : piece.unneededBytes;
  const mostMs = costOf(unneeded, bytes);
  const neededMs = costOf(messages - unneeded, Math.max(0, piece.bytes - bytes));
  return Math.min(mostMs, (ms * mostMs) / (mostMs + neededMs));
}

function costOf(messages: number, bytes: number): number {
  return messages * MOST_MESSAGE_MS + bytes * MOST_BYTE_MS;
}
