/** Counts the bytes of channels. */
import type { Channel } from "../wire/channel.ts";

/** The bytes so far: those that came from the far end, and those that went there. */
export type ByteCount = { in: number; out: number };

/** Returns the channel with its bytes added to `count`. Bytes count once the channel has taken them. */
export function countChannel(channel: Channel, count: ByteCount): Channel {
  return {
    ...channel,
    async *[Symbol.asyncIterator]() {
      for await (const bytes of channel) {
        count.in += bytes.length;
        yield bytes;
      }
    },
    async write(bytes) {
      await channel.write(bytes);
      count.out += bytes.length;
    },
  };
}
