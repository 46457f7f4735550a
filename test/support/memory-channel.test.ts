import { expect, test } from "bun:test";
import { createMemoryPair } from "./memory-channel.ts";
import type { Channel } from "../../src/wire/channel.ts";
import { rejectionOf } from "./error-of.ts";
import { createRandom } from "./random.ts";

async function readAll(channel: Channel): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  for await (const piece of channel) pieces.push(piece);
  return pieces;
}

const text = (pieces: readonly Uint8Array[]): string[] =>
  pieces.map((piece) => Buffer.from(piece).toString());

test("written bytes arrive only when they are delivered, in pieces of the given sizes", async () => {
  const pair = createMemoryPair();
  const [near, far] = pair.ends;
  await near.write(Buffer.from("abcdef"));
  await near.write(Buffer.from("gh"));
  const reading = readAll(far);
  expect(pair.inFlightBytes(0)).toBe(8);
  expect(pair.inFlightBytes(1)).toBe(0);
  expect(pair.deliver(0, 3)).toBe(3);
  const sizes = [1, 0, 2, 9];
  expect(pair.deliver(0, undefined, () => sizes.shift() ?? 1)).toBe(5);
  expect(pair.deliver(0)).toBe(0);
  pair.cut();
  expect(text(await reading)).toEqual(["abc", "d", "e", "fg", "h"]);
});

test("a cut loses the bytes in flight, ends both iterations, and closes both ends for writing", async () => {
  const pair = createMemoryPair({ labels: ["host", "guest"] });
  const [near, far] = pair.ends;
  await near.write(Buffer.from("arrives"));
  pair.deliver(0);
  await near.write(Buffer.from("lost"));
  await far.write(Buffer.from("lost too"));
  pair.cut();
  expect(text(await readAll(far))).toEqual(["arrives"]);
  expect(await readAll(near)).toEqual([]);
  expect(pair.inFlightBytes(0)).toBe(0);
  expect(await rejectionOf(near.write(Buffer.from("x")))).toMatchObject({
    code: "CLOSED",
    message: 'Cannot write to "host": the channel is closed',
  });
  expect((await rejectionOf(far.write(Buffer.from("x")))).message).toContain('"guest"');
});

test("a tear delivers the first bytes in flight and loses the rest", async () => {
  const pair = createMemoryPair();
  await pair.ends[0].write(Buffer.from("beginning and end"));
  await pair.ends[1].write(Buffer.from("answer"));
  pair.tear((length) => (length === 17 ? 9 : 0));
  expect(text(await readAll(pair.ends[1]))).toEqual(["beginning"]);
  expect(await readAll(pair.ends[0])).toEqual([]);
});

test("a write to a full channel waits until the far end has read", async () => {
  const pair = createMemoryPair({ capacityBytes: 10 });
  const [near, far] = pair.ends;
  let isDone = false;
  const writing = near.write(Buffer.from("0123456789abcdefghijXY")).then(() => (isDone = true));
  expect(pair.inFlightBytes(0)).toBe(10);
  pair.deliver(0, undefined, () => 5);
  // The bytes are delivered but not read, so the channel is still full.
  await Promise.resolve();
  expect(pair.inFlightBytes(0)).toBe(0);
  const reader = far[Symbol.asyncIterator]();
  expect(Buffer.from((await reader.next()).value).toString()).toBe("01234");
  await Promise.resolve();
  expect(pair.inFlightBytes(0)).toBe(5);
  await reader.next();
  expect(isDone).toBe(false);
  await Promise.resolve();
  expect(pair.deliver(0)).toBe(10);
  await reader.next();
  await writing;
  expect(pair.inFlightBytes(0)).toBe(2);
});

test("a closed end reads nothing; its last bytes can still be delivered, then the far end ends", async () => {
  const pair = createMemoryPair({ capacityBytes: 4 });
  const [near, far] = pair.ends;
  await near.write(Buffer.from("bye"));
  await far.write(Buffer.from("same"));
  const blocked = rejectionOf(far.write(Buffer.from("more")));
  pair.deliver(1);
  await near.close();
  await near.close();
  expect(await readAll(near)).toEqual([]);
  expect((await blocked).code).toBe("CLOSED");
  const reading = readAll(far);
  expect(pair.deliver(0)).toBe(3);
  expect(text(await reading)).toEqual(["bye"]);
});

test("a flowing pair delivers by itself, and copies the bytes it is given", async () => {
  const pair = createMemoryPair({ capacityBytes: 1000 });
  const [near, far] = pair.ends;
  pair.flow();
  const random = createRandom(3);
  const sent = random.bytes(100_000);
  const reading = readAll(far);
  for (let start = 0; start < sent.length;) {
    const piece = sent.slice(start, start + random.below(3000));
    await near.write(piece);
    start += piece.length;
    piece.fill(0);
  }
  await near.close();
  expect(Buffer.concat(await reading).equals(sent)).toBe(true);
});
