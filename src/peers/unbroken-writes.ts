/**
 * A channel to an agent that dies of half a message: closing it waits until the write under way has ended.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Channel } from "../wire/channel.ts";

/** Longest wait for an agent that no longer reads. */
const STUCK_MS = 10_000;

/**
 * The same channel, except that `close` waits for the write under way, for at most `stuckMs` milliseconds.
 */
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
