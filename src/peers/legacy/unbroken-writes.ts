/** A channel to an agent that dies of half a message: hanging up waits until what is being written is written. */
import { setTimeout as delay } from "node:timers/promises";
import type { Channel } from "../../wire/channel.ts";

/** How long an agent may keep us that reads no more. */
const STUCK_MS = 10_000;

/** The same channel, but `close` lets a write end first, or gives up on it after `stuckMs` (10 s by default). */
export function withUnbrokenWrites(channel: Channel, stuckMs = STUCK_MS): Channel {
  let writing: Promise<unknown> = Promise.resolve();
  const close = async (): Promise<void> => {
    const given = new AbortController();
    await Promise.race([writing, delay(stuckMs, undefined, { signal: given.signal }).catch(() => undefined)]);
    given.abort();
    await channel.close();
  };
  return {
    label: channel.label,
    [Symbol.asyncIterator]: () => channel[Symbol.asyncIterator](),
    async write(bytes) {
      const written = channel.write(bytes);
      writing = written.catch(() => undefined);
      await written;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
