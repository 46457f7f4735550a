/** Keeps `close` from cutting a message in two, because half a message kills a python-negotiator agent. */
import { setTimeout as delay } from "node:timers/promises";
import type { Channel } from "../../wire/channel.ts";

/** An agent that no longer reads must not keep the channel for longer than this. */
const STUCK_MS = 10_000;

/** The same channel, but `close` first waits up to `stuckMs` milliseconds for a running write. */
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
