/** Bytes that wait for their reader: all of them, in order, and at about their own size. */
import { expect, test } from "bun:test";
import { createByteQueue } from "../../../src/wire/calls/byte-queue.ts";
import type { ByteQueue } from "../../../src/wire/calls/byte-queue.ts";
import { createRandom } from "../../support/random.ts";

function shiftAll(queue: ByteQueue): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let piece = queue.shift(); piece !== undefined; piece = queue.shift()) pieces.push(piece);
  return pieces;
}

test("small pieces come out together, large ones as they are", () => {
  const queue = createByteQueue();
  const large = new Uint8Array(1024).fill(9);
  for (const piece of [Uint8Array.of(1), Uint8Array.of(2, 3), large, Uint8Array.of(4)]) queue.push(piece);
  const [first, second, third, ...more] = shiftAll(queue);
  expect([first, third, more]).toEqual([Uint8Array.of(1, 2, 3), Uint8Array.of(4), []]);
  expect(second).toEqual(large);
  expect(second?.buffer).toBe(large.buffer);
});

test("nothing is no piece", () => {
  const queue = createByteQueue();
  queue.push(new Uint8Array(0));
  expect(queue.shift()).toBeUndefined();
});

test("pieces of any size come out whole and in order, however the reader takes them", () => {
  const random = createRandom(11);
  for (let round = 0; round < 200; round++) {
    const queue = createByteQueue();
    const pushed: Uint8Array[] = [];
    const shifted: Uint8Array[] = [];
    for (let step = 0; step < 40; step++) {
      const piece = random.bytes(random.below(random.oneIn(2) ? 30 : 3000));
      pushed.push(piece);
      queue.push(piece);
      const taken = random.oneIn(4) ? queue.shift() : undefined;
      if (taken !== undefined) shifted.push(taken);
    }
    shifted.push(...shiftAll(queue));
    expect(Buffer.compare(Buffer.concat(shifted), Buffer.concat(pushed))).toBe(0);
  }
});

test("what was shifted stays as it is when more comes", () => {
  const queue = createByteQueue();
  queue.push(Uint8Array.of(1));
  const first = queue.shift();
  queue.push(Uint8Array.of(2));
  expect([first, queue.shift()]).toEqual([Uint8Array.of(1), Uint8Array.of(2)]);
});

test("a small piece belongs to its sender again once it was pushed", () => {
  const queue = createByteQueue();
  const piece = Uint8Array.of(1);
  queue.push(piece);
  piece[0] = 7;
  expect(queue.shift()).toEqual(Uint8Array.of(1));
});

test("100,000 pieces of a byte are held in few blocks", () => {
  const queue = createByteQueue();
  for (let count = 0; count < 100_000; count++) queue.push(Uint8Array.of(count % 251));
  const blocks = shiftAll(queue);
  const heldBytes = blocks.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  expect(blocks.reduce((sum, { length }) => sum + length, 0)).toBe(100_000);
  expect(heldBytes).toBeLessThan(110_000);
});

test("what was cleared is gone, and the next piece comes alone", () => {
  const queue = createByteQueue();
  queue.push(Uint8Array.of(1));
  queue.push(new Uint8Array(5000));
  queue.clear();
  queue.push(Uint8Array.of(2));
  expect(shiftAll(queue)).toEqual([Uint8Array.of(2)]);
});
