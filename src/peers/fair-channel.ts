/**
 * Gives out the bytes of a channel in the turns of its peer. The answer to a call in a foreign dialect is not
 * read by a session, and a peer can make it as long and as costly as it likes.
 */
import type { Channel } from "../wire/channel.ts";
import { collectEarly } from "./early-collection.ts";
import { bytesOfTurn, recordPace } from "./fair-reader.ts";
import type { Share } from "./fair-reader.ts";

/** Returns the channel with shorter pieces. Its reader gets each piece in a turn of the peer. */
export function withTurns(channel: Channel, share: Pick<Share, "turns" | "pace" | "quota">): Channel {
  return {
    label: channel.label,
    async *[Symbol.asyncIterator]() {
      for await (const bytes of channel) yield* inTurns(bytes, share);
    },
    write: (bytes) => channel.write(bytes),
    close: () => channel.close(),
    [Symbol.asyncDispose]: () => channel[Symbol.asyncDispose](),
  };
}

async function* inTurns(
  bytes: Uint8Array,
  share: Pick<Share, "turns" | "pace" | "quota">,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { turns, pace } = share;
  let rest = bytes;
  do {
    const piece = rest.subarray(0, bytesOfTurn(share));
    rest = rest.subarray(piece.length);
    // Its reader works after the turn, so the turn takes as long as that work will.
    await turns.run(() => undefined, piece.length * pace.msPerByte);
    collectEarly(piece.length);
    const watch = startWatch();
    yield piece;
    recordPace(pace, piece.length, watch.stop());
  } while (rest.length > 0);
}

/** Measures the work of a reader until it wants the next piece, or waits for something else. */
function startWatch(): { stop: () => number } {
  const startMs = performance.now();
  let ms: number | undefined;
  const waiting = setImmediate(() => (ms = performance.now() - startMs));
  return {
    stop() {
      clearImmediate(waiting);
      return ms ?? performance.now() - startMs;
    },
  };
}
