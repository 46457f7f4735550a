/** Counting the bytes of a channel. */
import { expect, test } from "bun:test";
import { countChannel } from "../../src/channels/byte-count.ts";
import { closedError } from "../../src/channels/failure.ts";
import type { Channel } from "../../src/wire/channel.ts";
import { rejectionOf } from "../support/error-of.ts";

const close = (): Promise<void> => Promise.resolve();

/** A channel from which these pieces come; it takes at most `room` bytes a write. */
function channelOf(pieces: readonly Uint8Array[], room: number): Channel {
  return {
    label: "sample",
    async *[Symbol.asyncIterator]() {
      yield* pieces;
    },
    write: (bytes) => (bytes.length > room ? Promise.reject(closedError("sample")) : Promise.resolve()),
    close,
    [Symbol.asyncDispose]: close,
  };
}

test("bytes that came and bytes that the channel took are added, and refused ones are not", async () => {
  const count = { in: 100, out: 1000 };
  const channel = countChannel(
    channelOf([new Uint8Array(3), new Uint8Array(0), new Uint8Array(4)], 5),
    count,
  );
  const lengths: number[] = [];
  for await (const piece of channel) lengths.push(piece.length, count.in);
  expect(lengths).toEqual([3, 103, 0, 103, 4, 107]);
  await channel.write(new Uint8Array(5));
  await channel.write(new Uint8Array(2));
  expect((await rejectionOf(channel.write(new Uint8Array(6)))).code).toBe("CLOSED");
  expect(count).toEqual({ in: 107, out: 1007 });
  expect(channel.label).toBe("sample");
});
