/** The memory that all peers share: who gives way, and what each peer can have in any case. */
import { describe, expect, test } from "bun:test";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { createListenerReader } from "../../src/wire/frames/listener-reader.ts";
import type { FrameReader } from "../../src/wire/frames/listener-reader.ts";
import { createMemory } from "../../src/wire/memory.ts";
import type { MemoryShare } from "../../src/wire/memory.ts";

const MIB = 1024 * 1024;

function hold(share: MemoryShare, bytes: number, gaveWay: string[], name: string) {
  const holding = share.hold(() => {
    gaveWay.push(name);
    holding.resize(0);
  });
  holding.resize(bytes);
  return holding;
}

describe("shared memory", () => {
  test("the largest holding of the peer that holds most gives way, until all fits", () => {
    const memory = createMemory(100);
    const [one, two] = [memory.open(), memory.open()];
    const gaveWay: string[] = [];
    hold(one, 20, gaveWay, "one, 20");
    hold(one, 30, gaveWay, "one, 30");
    hold(two, 45, gaveWay, "two, 45");
    expect(gaveWay).toEqual([]);
    hold(two, 10, gaveWay, "two, 10");
    expect(gaveWay).toEqual(["two, 45"]);
    expect([memory.bytes, one.bytes, two.bytes]).toEqual([60, 50, 10]);
  });

  test("a holding that is itself the largest gives way, and its resize returns false", () => {
    const memory = createMemory(100);
    const gaveWay: string[] = [];
    hold(memory.open(), 40, gaveWay, "small");
    const large = hold(memory.open(), 50, gaveWay, "large");
    expect(large.resize(70)).toBe(false);
    expect({ gaveWay, bytes: memory.bytes, large: large.bytes }).toEqual({
      gaveWay: ["large"],
      bytes: 40,
      large: 0,
    });
  });

  test("a holding that does not give way counts as free, so that making room ends", () => {
    const memory = createMemory(10);
    expect(
      memory
        .open()
        .hold(() => undefined)
        .resize(20),
    ).toBe(false);
    expect(memory.bytes).toBe(0);
  });

  test("half of the memory can be taken for good, and each peer gets 64 KiB in any case", () => {
    const memory = createMemory(4 * MIB);
    const [greedy, modest] = [memory.open(), memory.open()];
    expect(greedy.take(2 * MIB)).toBe(true);
    expect(greedy.isRoomy).toBe(false);
    expect([greedy.take(1), modest.take(64 * 1024), modest.take(1)]).toEqual([false, true, false]);
    greedy.give(2 * MIB);
    expect([modest.take(MIB), memory.bytes]).toEqual([true, MIB + 64 * 1024]);
  });

  test("memory that is charged makes holdings give way", () => {
    const memory = createMemory(100);
    const gaveWay: string[] = [];
    hold(memory.open(), 60, gaveWay, "held");
    memory.open().charge(50);
    expect({ gaveWay, bytes: memory.bytes }).toEqual({ gaveWay: ["held"], bytes: 50 });
  });
});

const OLD_REQUEST = `${16 * MIB - 1}\n{"method":"execute","args":["`;

function begin(reader: FrameReader, opening: string, bytes: number): void {
  for (const _ of reader.push(Buffer.from(opening))) throw new Error("It was read");
  const piece = Buffer.alloc(256 * 1024, "a");
  for (let sent = 0; sent < bytes; sent += piece.length)
    for (const reading of reader.push(piece)) expect(reading.kind).toBe("unreadable");
}

describe("unfinished messages", () => {
  test.each([
    ["a request of an old host", OLD_REQUEST, 16 * MIB - MIB],
    ["a line", '{"jsonrpc":"2.0","a":"', MIB - 64 * 1024],
  ])("of 200 peers that each begin %s take no more than the memory of all", (_, opening, bytes) => {
    const memory = createMemory(32 * MIB);
    const readers = Array.from({ length: 200 }, () =>
      createListenerReader(DEFAULT_LIMITS, { isOnPort: true, acceptsRaw: () => true, memory: memory.open() }),
    );
    for (const reader of readers) begin(reader, opening, bytes);
    expect(memory.bytes).toBeLessThanOrEqual(32 * MIB);
    for (const reader of readers) reader.reset();
    expect(memory.bytes).toBe(0);
  });

  test("a small request is read whole while others take all the memory", () => {
    const memory = createMemory(4 * MIB);
    const open = () =>
      createListenerReader(DEFAULT_LIMITS, { isOnPort: true, acceptsRaw: () => true, memory: memory.open() });
    for (let peer = 0; peer < 10; peer++) begin(open(), OLD_REQUEST, 8 * MIB);
    const body = `{"method":"list_commands","args":[${'"a",'.repeat(20_000)}"a"],"kw":{}}`;
    const good = open();
    const frame = Buffer.from(`${body.length}\n${body}`);
    const readings = [0, 1, 2, 3].flatMap((part) => [
      ...good.push(frame.subarray((part * frame.length) / 4, ((part + 1) * frame.length) / 4)),
    ]);
    expect(readings).toMatchObject([{ kind: "foreign", object: { method: "list_commands" } }]);
  });

  test("a request that gave way is refused with BUSY at its end, and the next one is read", () => {
    const memory = createMemory(4 * MIB);
    const reader = createListenerReader(DEFAULT_LIMITS, {
      isOnPort: true,
      acceptsRaw: () => true,
      memory: memory.open(),
    });
    const large = `{"method":"execute","args":["${"a".repeat(8 * MIB)}"]}`;
    const next = '{"method":"list_commands","args":[],"kw":{}}';
    const bytes = Buffer.from(`${large.length}\n${large}${next.length}\n${next}`);
    const readings = [];
    for (let at = 0; at < bytes.length; at += 100_000)
      readings.push(...reader.push(bytes.subarray(at, at + 100_000)));
    expect(readings).toMatchObject([
      { kind: "unreadable", error: { code: "BUSY" } },
      { kind: "foreign", object: { method: "list_commands" } },
    ]);
  });
});
