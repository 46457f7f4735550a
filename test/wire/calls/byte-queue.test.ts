/** A byte queue gives out all bytes in order, and takes about as much memory as they do. */
import { expect, test } from "bun:test";
import { createByteQueue } from "../../../src/wire/calls/byte-queue.ts";
import type { ByteQueue } from "../../../src/wire/calls/byte-queue.ts";
import { createRandom } from "../../support/random.ts";

function shiftAll(queue: ByteQueue): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let chunk = queue.shift(); chunk !== undefined; chunk = queue.shift()) chunks.push(chunk);
  return chunks;
}

test("a byte queue joins small chunks and keeps large ones as they are", () => {
  const queue = createByteQueue();
  const large = new Uint8Array(1024).fill(9);
  for (const piece of [Uint8Array.of(1), Uint8Array.of(2, 3), large, Uint8Array.of(4)]) queue.push(piece);
  const [first, second, third, ...more] = shiftAll(queue);
  expect([first, third, more]).toEqual([Uint8Array.of(1, 2, 3), Uint8Array.of(4), []]);
  expect(second).toEqual(large);
  expect(second?.buffer).toBe(large.buffer);
});

test("an empty chunk adds nothing to a byte queue", () => {
  const queue = createByteQueue();
  queue.push(new Uint8Array(0));
  expect(queue.shift()).toBeUndefined();
});

test("chunks of any size come out of a byte queue complete and in order", () => {
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

test("bytes that were shifted from a byte queue do not change when more are pushed", () => {
  const queue = createByteQueue();
  queue.push(Uint8Array.of(1));
  const first = queue.shift();
  queue.push(Uint8Array.of(2));
  expect([first, queue.shift()]).toEqual([Uint8Array.of(1), Uint8Array.of(2)]);
});

test("a small chunk can be overwritten after it was pushed", () => {
  const queue = createByteQueue();
  const piece = Uint8Array.of(1);
  queue.push(piece);
  piece[0] = 7;
  expect(queue.shift()).toEqual(Uint8Array.of(1));
});

test("a byte queue holds 100,000 chunks of one byte in less than 110,000 bytes", () => {
  const queue = createByteQueue();
  for (let count = 0; count < 100_000; count++) queue.push(Uint8Array.of(count % 251));
  const blocks = shiftAll(queue);
  const heldBytes = blocks.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  expect(blocks.reduce((sum, { length }) => sum + length, 0)).toBe(100_000);
  expect(heldBytes).toBeLessThan(110_000);
});

test("after clear a byte queue gives out only what was pushed later", () => {
  const queue = createByteQueue();
  queue.push(Uint8Array.of(1));
  queue.push(new Uint8Array(5000));
  queue.clear();
  queue.push(Uint8Array.of(2));
  expect(shiftAll(queue)).toEqual([Uint8Array.of(2)]);
});
