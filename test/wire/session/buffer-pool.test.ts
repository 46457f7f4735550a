/** Spare buffers for chunks, and the allowance for messages that nothing waits for. */
import { expect, test } from "bun:test";
import { createAllowance } from "../../../src/wire/session/allowance.ts";
import { createBufferPool } from "../../../src/wire/session/buffer-pool.ts";

const KIB = 1024;

test.each([
  [16 * KIB - 1, 16 * KIB - 1],
  [16 * KIB, 66 * KIB],
  [66 * KIB, 66 * KIB],
  [66 * KIB + 1, 88 * KIB],
  [88 * KIB, 88 * KIB],
  [88 * KIB + 1, 88 * KIB + 1],
])("a buffer for %d bytes has that length, in memory of %d bytes", (bytes, memory) => {
  const buffer = createBufferPool().take(bytes);
  expect([buffer.length, buffer.buffer.byteLength]).toEqual([bytes, memory]);
});

test("a buffer that was given back is taken again for its size only, and not twice", () => {
  const pool = createBufferPool();
  const { buffer } = pool.take(60 * KIB);
  pool.give(new Uint8Array(buffer, 0, 10));
  expect(pool.take(70 * KIB).buffer).not.toBe(buffer);
  expect(pool.take(20 * KIB).buffer).toBe(buffer);
  expect(pool.take(20 * KIB).buffer).not.toBe(buffer);
});

test("eight buffers of a size are kept, and others are not", () => {
  const pool = createBufferPool();
  const buffers = Array.from({ length: 9 }, () => pool.take(60 * KIB));
  for (const buffer of buffers) pool.give(buffer);
  const again = new Set(Array.from({ length: 9 }, () => pool.take(60 * KIB).buffer));
  expect(buffers.filter(({ buffer }) => again.has(buffer))).toEqual(buffers.slice(0, 8));
  const odd = new Uint8Array(20 * KIB);
  pool.give(odd);
  expect(pool.take(20 * KIB).buffer).not.toBe(odd.buffer);
});

test("an allowance takes messages until it is used up, each with 256 bytes more, and is renewed", () => {
  const allowance = createAllowance(1000);
  expect([300, 187, 0, 0].map((bytes) => allowance.take(bytes))).toEqual([true, true, true, false]);
  allowance.renew();
  expect([744, 0].map((bytes) => allowance.take(bytes))).toEqual([true, false]);
  allowance.renew();
  expect([5000, 0].map((bytes) => allowance.take(bytes))).toEqual([true, false]);
});
