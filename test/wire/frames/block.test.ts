/** Blocks of a known length from bytes that come in pieces. */
import { expect, test } from "bun:test";
import { createBlockCutter } from "../../../src/wire/frames/block.ts";
import { createMemory } from "../../../src/wire/memory.ts";

const SMALL = 256 * 1024;

/** Returns bytes that differ from place to place. */
function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, place) => (place * 7 + (place >> 8)) & 0xff);
}

test.each([
  ["of a small block", 100_000, 30_000],
  ["of the largest small block", SMALL, 100_000],
  ["of a large block", SMALL + 1, 100_000],
])("pieces %s are joined in their order, and the bytes after it are not taken", (_, length, pieceBytes) => {
  const cutter = createBlockCutter();
  const [all, rest] = [pattern(length), 5];
  const sent = Buffer.concat([all, new Uint8Array(rest)]);
  cutter.begin(length);
  let start = 0;
  for (; start + pieceBytes < length; start += pieceBytes) {
    const step = cutter.take(sent.subarray(start, start + pieceBytes));
    expect(step).toEqual({ taken: pieceBytes });
    expect(Buffer.compare(cutter.peek(), all.subarray(0, start + pieceBytes))).toBe(0);
    expect([cutter.hasBegun, cutter.isFilled]).toEqual([true, true]);
  }
  const { taken, block } = cutter.take(sent.subarray(start));
  expect(taken).toBe(length - start);
  expect(Buffer.compare(block ?? new Uint8Array(0), all)).toBe(0);
  expect([cutter.hasBegun, cutter.peek().length]).toEqual([false, 0]);
});

test("a block in one piece is a part of that piece, and an empty block ends at once", () => {
  const cutter = createBlockCutter();
  const piece = Buffer.from("abcdef");
  cutter.begin(4);
  expect([cutter.hasBegun, cutter.isFilled]).toEqual([true, false]);
  const { taken, block } = cutter.take(piece);
  expect([taken, block?.buffer === piece.buffer, block?.toString()]).toEqual([4, true, "abcd"]);
  cutter.begin(0);
  expect(cutter.take(piece)).toEqual({ taken: 0, block: Buffer.alloc(0) });
});

test("a block that is not kept is skipped, and ends empty", () => {
  const cutter = createBlockCutter();
  cutter.begin(4, false);
  expect(cutter.take(Buffer.from("ab"))).toEqual({ taken: 2 });
  expect(cutter.peek().length).toBe(0);
  expect(cutter.take(Buffer.from("cdef"))).toEqual({ taken: 2, block: new Uint8Array(0) });
  cutter.begin(2);
  cutter.take(Buffer.from("x"));
  expect(cutter.take(Buffer.from("y")).block).toEqual(Buffer.from("xy"));
});

test.each([1000, SMALL + 1000])(
  "a block of %d bytes that gave way ends empty, and the next is whole",
  (length) => {
    const memory = createMemory(10 * SMALL);
    const cutter = createBlockCutter(memory.open());
    cutter.begin(length);
    cutter.take(new Uint8Array(500));
    expect(memory.bytes).toBeGreaterThanOrEqual(500);
    memory.limit(1);
    expect(memory.bytes).toBe(0);
    const { gaveWay, block, taken } = cutter.take(new Uint8Array(length));
    expect([gaveWay, block?.length, taken]).toEqual([true, 0, length - 500]);
    memory.limit(10 * SMALL);
    cutter.begin(2);
    cutter.take(Uint8Array.of(1));
    expect(cutter.take(Uint8Array.of(2))).toEqual({ taken: 1, block: Buffer.from([1, 2]) });
    expect(memory.bytes).toBe(0);
  },
);

test("a dropped block frees its memory", () => {
  const memory = createMemory(SMALL);
  const cutter = createBlockCutter(memory.open());
  cutter.begin(1000);
  cutter.take(new Uint8Array(10));
  cutter.drop();
  expect([cutter.hasBegun, memory.bytes]).toEqual([false, 0]);
});
