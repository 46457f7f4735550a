/** The credit of a stream grows while its reader keeps up, within the pool of its session. */
import { describe, expect, test } from "bun:test";
import { createCreditPool } from "../../../src/wire/calls/credit-pool.ts";
import { createReceiveWindow } from "../../../src/wire/calls/receive-window.ts";
import type { ReceiveWindow } from "../../../src/wire/calls/receive-window.ts";
import { createLink } from "../session/session-link.ts";

const FIRST = 1000;
const open = (poolBytes: number, mostBytes = 8000) => {
  const pool = createCreditPool(poolBytes);
  return { pool, window: createReceiveWindow({ firstBytes: FIRST, mostBytes, pool }) };
};
/** How many bytes the sender may send now. */
const roomOf = (window: ReceiveWindow): number => window.limit - window.offset;
/** Receives all that the credit allows, and reads it at once. */
const keepUp = (window: ReceiveWindow, rounds: number): void => {
  for (let round = 0; round < rounds; round++) {
    const length = roomOf(window);
    expect(window.receive(window.offset, length)).toBeUndefined();
    window.consume(length);
  }
};

describe("the credit of one stream", () => {
  test("the credit doubles while the reader keeps up, and stays at the most", () => {
    const { window } = open(1e9);
    const rooms = Array.from({ length: 6 }, () => {
      const room = roomOf(window);
      keepUp(window, 1);
      return room;
    });
    expect(rooms).toEqual([1000, 2000, 4000, 8000, 8000, 8000]);
  });

  test("the credit does not grow for a reader that lags behind", () => {
    const { window } = open(1e9);
    window.receive(0, 1000);
    for (let offset = 1000; offset < 20_000; offset += 500) {
      window.consume(500);
      expect(window.receive(offset, 500)).toBeUndefined();
      expect(window.limit).toBeLessThanOrEqual(offset + 500 + FIRST);
    }
  });

  test("a stream of few bytes keeps its first credit", () => {
    const { window } = open(1e9);
    for (let offset = 0; offset < 900; offset += 10) {
      window.receive(offset, 10);
      window.consume(10);
    }
    expect(roomOf(window)).toBeLessThanOrEqual(FIRST);
  });
});

describe("the pool", () => {
  test("the extra credit of all streams together never exceeds the pool", () => {
    const pool = createCreditPool(5000);
    const windows = Array.from({ length: 4 }, () =>
      createReceiveWindow({ firstBytes: FIRST, mostBytes: 8000, pool }),
    );
    for (let round = 0; round < 10; round++) for (const window of windows) keepUp(window, 1);
    const total = windows.map(roomOf).reduce((sum, room) => sum + room, 0);
    expect(total).toBeLessThanOrEqual(4 * FIRST + 5000);
    expect(total).toBeGreaterThan(4 * FIRST);
  });

  test("an empty pool leaves each stream its first credit", () => {
    const { window } = open(0);
    keepUp(window, 10);
    expect(roomOf(window)).toBe(FIRST);
  });

  test("a closed stream gives its extra credit back once", () => {
    const { pool, window } = open(7000);
    keepUp(window, 5);
    expect(pool.take(1)).toBe(false);
    window.close();
    window.close();
    expect([pool.take(7001), pool.take(7000)]).toEqual([false, true]);
  });
});

describe("the streams of a session", () => {
  test("100 calls give back their credit, so the last stream grows as the first did", async () => {
    const limits = { firstCreditBytes: FIRST, streamCreditBytes: 8000, extraCreditBytes: 7000 };
    const link = await createLink(limits);
    for (let round = 0; round < 100; round++) {
      const call = link.host.call({ method: "m", read: ["stdout"] });
      call.answer.catch(() => {});
      let most = 0;
      const reading = (async () => {
        for await (const piece of call.reader("stdout")) most = Math.max(most, piece.length);
      })();
      await link.flow();
      const served = link.calls.guest.at(-1);
      const written = served?.writer("stdout").write(new Uint8Array(40_000).fill(65));
      await link.flow();
      await written;
      // Each kind of end gives the credit back.
      if (round % 3 === 0) call.cancel();
      if (round % 3 === 1) call.reader("stdout").cancel();
      served?.respond(round);
      await link.flow();
      await reading;
      expect([round, most]).toEqual([round, 8000]);
    }
  });
});
