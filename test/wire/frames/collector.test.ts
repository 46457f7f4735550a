/** A collector returns all added bytes, or none when there are too many. */
import { expect, test } from "bun:test";
import { createCollector } from "../../../src/wire/frames/collector.ts";
import { createMemory } from "../../../src/wire/memory.ts";
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

test("a collector holds memory in steps, and gives it back when it is dropped", () => {
  const memory = createMemory(1_000_000);
  const collector = createCollector(20_000, memory.open());
  const held = [1, 4095, 1, 4096, 8000].map((size) => {
    collector.add(new Uint8Array(size));
    return memory.bytes;
  });
  expect(held).toEqual([4096, 4096, 8192, 16_384, 16_384]);
  collector.add(new Uint8Array(1000));
  expect(memory.bytes).toBe(20_000);
  collector.drop();
  expect([memory.bytes, collector.length, collector.isOver]).toEqual([0, 0, false]);
});

test("a collector keeps memory of 64 KiB for the next bytes, and no more", () => {
  const memory = createMemory(1_000_000);
  const collector = createCollector(500_000, memory.open());
  collector.add(new Uint8Array(64 * 1024));
  collector.take();
  expect(memory.bytes).toBe(64 * 1024);
  collector.add(new Uint8Array(64 * 1024 + 1));
  expect(collector.take()).toHaveLength(64 * 1024 + 1);
  expect(memory.bytes).toBe(0);
});

test("bytes over the limit hold no memory", () => {
  const memory = createMemory(1_000_000);
  const collector = createCollector(100, memory.open());
  collector.add(new Uint8Array(100));
  expect(memory.bytes).toBe(100);
  collector.add(new Uint8Array(1));
  expect([memory.bytes, collector.peek().length, collector.gaveWay]).toEqual([0, 0, false]);
});

test("a collector whose bytes gave way takes no more until they are taken, and then goes on", () => {
  const memory = createMemory(10_000);
  const [collector, other] = [createCollector(9000, memory.open()), createCollector(9000, memory.open())];
  collector.add(new Uint8Array(8000).fill(1));
  other.add(new Uint8Array(5000));
  expect([collector.gaveWay, collector.isOver, other.gaveWay, memory.bytes]).toEqual([
    true,
    true,
    false,
    5000,
  ]);
  collector.add(new Uint8Array(10));
  expect([collector.length, collector.peek().length, collector.take().length]).toEqual([8010, 0, 0]);
  collector.add(Uint8Array.of(7));
  expect([collector.gaveWay, collector.isOver, collector.take()]).toEqual([false, false, Uint8Array.of(7)]);
});

test("bytes that are peeked at stay, and do not change when more are added", () => {
  const collector = createCollector(3);
  collector.add(Uint8Array.of(1, 2));
  const seen = collector.peek();
  collector.add(Uint8Array.of(3));
  expect([seen, collector.take()]).toEqual([Uint8Array.of(1, 2), Uint8Array.of(1, 2, 3)]);
});

test("first bytes that give way at once are thrown away, and those of the next message are kept", () => {
  const memory = createMemory(5000);
  const collector = createCollector(100_000, memory.open());
  collector.add(new Uint8Array(6000));
  expect([collector.length, collector.isOver, collector.gaveWay]).toEqual([6000, true, true]);
  expect([memory.bytes, collector.peek().length]).toEqual([0, 0]);
  collector.add(Uint8Array.of(7));
  expect(collector.take()).toHaveLength(0);
  collector.add(Uint8Array.of(8));
  expect([collector.gaveWay, [...collector.take()]]).toEqual([false, [8]]);
});
