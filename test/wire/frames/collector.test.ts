/** A collector returns all added bytes, or none when there are too many. */
import { expect, test } from "bun:test";
import { createCollector } from "../../../src/wire/frames/collector.ts";
import { createLineCutter } from "../../../src/wire/frames/line.ts";

test("a collector joins pieces of any size", () => {
  const collector = createCollector(100_000);
  const parts = Array.from({ length: 300 }, (_, index) => new Uint8Array(index).fill(index));
  for (const part of parts) collector.add(part);
  expect([collector.length, collector.isOver]).toEqual([44_850, false]);
  expect(Buffer.compare(collector.take(), Buffer.concat(parts))).toBe(0);
  expect(collector.length).toBe(0);
  expect(collector.take()).toHaveLength(0);
});

test("a collector is over its limit with one byte more than the limit", () => {
  const collector = createCollector(10);
  collector.add(new Uint8Array(10).fill(1));
  expect(collector.isOver).toBe(false);
  expect(collector.take()).toEqual(new Uint8Array(10).fill(1));
  collector.add(new Uint8Array(10));
  collector.add(new Uint8Array(1));
  expect([collector.isOver, collector.length]).toEqual([true, 11]);
});

test("a collector throws away bytes over the limit, and collects the next ones", () => {
  const collector = createCollector(10);
  collector.add(new Uint8Array(8).fill(1));
  collector.add(new Uint8Array(8).fill(2));
  collector.add(new Uint8Array(8).fill(3));
  expect(collector.take()).toHaveLength(0);
  expect(collector.isOver).toBe(false);
  collector.add(new Uint8Array(9).fill(4));
  expect(collector.take()).toEqual(new Uint8Array(9).fill(4));
});

test("taken bytes do not change when more are added", () => {
  const collector = createCollector(1_000_000);
  for (const size of [10, 300_000]) {
    collector.add(new Uint8Array(size).fill(1));
    const taken = collector.take();
    collector.add(new Uint8Array(size).fill(2));
    expect(taken.every((byte) => byte === 1)).toBe(true);
    collector.take();
  }
});

test("the bytes of a long message are taken without a copy", () => {
  const collector = createCollector(1_000_000);
  collector.add(new Uint8Array(100_000));
  collector.add(new Uint8Array(50_000));
  const taken = collector.take();
  expect(taken).toHaveLength(150_000);
  expect(taken.buffer.byteLength).toBe(200_000);
});

test("a line in several pieces is alone in its buffer, and a line inside a piece is not", () => {
  const lines = createLineCutter(1_000_000);
  lines.take(Buffer.from("two "));
  expect(lines.take(Buffer.from("pieces\nmore"))).toMatchObject({ taken: 7, isAlone: true });
  expect(lines.take(Buffer.from("one\n"))).not.toHaveProperty("isAlone");
});
