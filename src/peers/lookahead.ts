/** Reads a channel one piece ahead. */
import type { Channel } from "../wire/channel.ts";

/**
 * Yields the pieces of a channel that have bytes. The next piece is read before one is used up, so that
 * `onLeave` is called though the reader waits: an empty piece says that the client has left. Throws the error
 * of the channel.
 */
export async function* withLookahead(
  channel: Channel,
  onLeave: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const pieces = channel[Symbol.asyncIterator]();
  const read = async (): Promise<IteratorResult<Uint8Array, unknown>> => {
    const piece = await pieces.next();
    if (piece.done !== true && piece.value.length === 0) onLeave();
    return piece;
  };
  let next = read();
  for (;;) {
    const piece = await next;
    if (piece.done === true) return;
    next = read();
    // Its failure is thrown when it is awaited, and must not count as unhandled before that.
    next.catch(() => undefined);
    if (piece.value.length > 0) yield piece.value;
  }
}
