/** The bytes of a channel come in the turns of its peer, also for a reader that is not a session. */
import { expect, test } from "bun:test";
import { withTurns } from "../../src/peers/fair-channel.ts";
import { createShare } from "../../src/peers/fair-reader.ts";
import { readChannelObjects } from "../../src/peers/queued/channel-objects.ts";
import type { Channel } from "../../src/wire/channel.ts";
import { rejectionOf } from "../support/error-of.ts";

function channelOf(pieces: Iterable<Uint8Array>): Channel {
  return {
    label: "test",
    async *[Symbol.asyncIterator]() {
      yield* pieces;
    },
    write: () => Promise.resolve(),
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

test("all bytes come in their order, and an empty piece too", async () => {
  const sent = crypto.getRandomValues(new Uint8Array(60_000));
  const given = [sent, new Uint8Array(0), ...Array.from({ length: 20 }, () => sent)];
  const got: Uint8Array[] = [];
  for await (const bytes of withTurns(channelOf(given), createShare())) got.push(bytes);
  expect(Buffer.concat(got).equals(Buffer.concat(given))).toBe(true);
  expect(got.filter(({ length }) => length === 0)).toHaveLength(1);
});

test("other events have their turn while the flood of a peer is read", async () => {
  const flood = Array.from({ length: 100 }, () => new Uint8Array(256 * 1024).fill(0x0a));
  let readBytes = 0;
  let events = 0;
  const ticking = setInterval(() => events++, 0);
  for await (const bytes of withTurns(channelOf(flood), createShare())) {
    readBytes += bytes.length;
    // A reader that works for a millisecond without waiting, as the parser of a message does.
    for (const endMs = performance.now() + 1; performance.now() < endMs;);
    if (events > 10) break;
  }
  clearInterval(ticking);
  expect(readBytes).toBeLessThan((100 * 256 * 1024) / 2);
});

test("a peer that sends objects without the answer is left", async () => {
  const object = Buffer.from('{"a":1}\n');
  const channel = channelOf(Array.from({ length: 5000 }, () => object));
  const read = async (): Promise<void> => {
    for await (const each of readChannelObjects(channel)) expect(each).toEqual({ a: 1 });
  };
  const { code, message } = await rejectionOf(read());
  expect([code, message]).toEqual([
    "BAD_FRAME",
    'The channel "test" carries too many messages before the answer',
  ]);
});
