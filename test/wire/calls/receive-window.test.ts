/** The numbers of a received stream: growth of its credit, its bounds, and its state as plain data. */
import { describe, expect, test } from "bun:test";
import { createMemory } from "../../../src/wire/memory.ts";
import { createCreditPool } from "../../../src/wire/calls/credit-pool.ts";
import { createReceiveWindow } from "../../../src/wire/calls/receive-window.ts";
import type { FrozenWindow, ReceiveWindow } from "../../../src/wire/calls/receive-window.ts";

/** A window of 10 bytes at first and 35 at most, with a pool of `poolBytes`. */
function createScene(poolBytes: number, frozen?: Partial<FrozenWindow>) {
  const pool = createCreditPool(poolBytes);
  return { pool, window: createReceiveWindow({ firstBytes: 10, mostBytes: 35, pool }, frozen) };
}

/** Receives bytes and reads them at once. Returns the limits after each step. */
function keepUp(window: ReceiveWindow, ...lengths: number[]): number[] {
  return lengths.map((length) => {
    expect(window.receive(window.offset, length)).toBeUndefined();
    window.consume(length);
    return window.limit;
  });
}

describe("a window whose reader keeps up", () => {
  test("doubles after a whole window of bytes, and stops at the most", () => {
    const { window } = createScene(100);
    expect(keepUp(window, 9, 1, 20, 35)).toEqual([19, 30, 65, 100]);
  });

  test("grows only once for each window of bytes", () => {
    const { window } = createScene(100);
    keepUp(window, 10);
    expect(keepUp(window, 19)).toEqual([30 + 19]);
    // Credit is given in halves of the window of 35 bytes.
    expect(keepUp(window, 1, 1, 1)).toEqual([49, 49, 67]);
  });

  test("does not grow while bytes wait, or without credit in the pool", () => {
    const slow = createScene(100).window;
    slow.receive(0, 10);
    expect([slow.consume(4), slow.limit, slow.consume(1), slow.limit]).toEqual([false, 10, true, 15]);
    expect(keepUp(createScene(9).window, 10, 10)).toEqual([20, 30]);
    expect(keepUp(createScene(10).window, 10, 20)).toEqual([30, 50]);
  });

  test("gives its extra credit back when it closes, once", () => {
    const { pool, window } = createScene(10);
    keepUp(window, 10);
    expect(pool.take(1)).toBe(false);
    window.close();
    window.close();
    expect([pool.take(10), pool.take(1)]).toEqual([true, false]);
  });
});

describe("a frozen window", () => {
  test("goes on with all of its numbers", () => {
    const { window } = createScene(100);
    expect(window.begin(5)).toBeUndefined();
    window.receive(5, 10);
    window.consume(10);
    window.announce({ bytes: 40, truncated: true });
    const frozen = window.freeze();
    expect(frozen).toEqual({
      windowBytes: 20,
      limit: 35,
      received: 15,
      consumed: 15,
      missed: 5,
      grownAt: 15,
      hasEnded: false,
      total: { bytes: 40, truncated: true },
    });
    const { pool, window: next } = createScene(10, frozen);
    expect([next.offset, next.limit, next.missedBytes, next.isTruncated]).toEqual([15, 35, 5, true]);
    expect(pool.take(1)).toBe(false);
    expect(next.freeze()).toEqual(frozen);
  });

  test("keeps its first credit if the pool has less now, and what it has given already", () => {
    const { window } = createScene(9, { windowBytes: 20, limit: 20 });
    expect(window.freeze()).toMatchObject({ windowBytes: 10, limit: 20 });
    expect(createScene(0).window.freeze()).toEqual({
      windowBytes: 10,
      limit: 10,
      received: 0,
      consumed: 0,
      missed: 0,
      grownAt: 0,
      hasEnded: false,
    });
  });

  test("that has ended takes nothing more", () => {
    const { window } = createScene(0);
    window.receive(0, 4);
    expect([window.end({ bytes: 4 }), window.isComplete, window.isTruncated]).toEqual([
      undefined,
      true,
      false,
    ]);
    const next = createScene(0, window.freeze()).window;
    expect(next.end({ bytes: 4 })?.message).toBe("Cannot take a stream chunk: the stream ends twice");
    expect(next.receive(4, 1)?.message).toBe(
      "Cannot take a stream chunk: it comes after the end of the stream",
    );
  });
});

test("a stream goes up to its announced end, and not beyond it", () => {
  const { window } = createScene(0);
  window.announce({ bytes: 6 });
  expect(window.receive(0, 7)?.message).toContain("it goes on after the end");
  expect([window.receive(0, 5), window.isComplete]).toEqual([undefined, false]);
  expect([window.receive(5, 1), window.isComplete]).toEqual([undefined, true]);
  expect(window.announce({ bytes: 5 })?.message).toContain("ends at 5, but 6 bytes came");
});

test("credit of a pool counts as memory of the peer until it is given back", () => {
  const memory = createMemory(400_000);
  const share = memory.open();
  const pool = createCreditPool(300_000, share);
  expect([pool.take(200_001), memory.bytes]).toEqual([false, 0]);
  expect([pool.take(200_000), memory.bytes]).toEqual([true, 200_000]);
  pool.give(150_000);
  expect([memory.bytes, pool.take(250_001), pool.take(100_000)]).toEqual([50_000, false, true]);
});
