/** The credit of all streams of one peer, and the memory that it counts as. */
import { expect, test } from "bun:test";
import { createCreditPool } from "../../../src/wire/calls/credit-pool.ts";
import { createMemory } from "../../../src/wire/memory.ts";

test("a pool gives all of its bytes, refuses one more, and gives again what was put back", () => {
  const pool = createCreditPool(10);
  expect([pool.take(4), pool.take(7), pool.take(6), pool.take(1)]).toEqual([true, false, true, false]);
  pool.give(1);
  expect([pool.take(2), pool.take(1), pool.take(1)]).toEqual([false, true, false]);
});

test("credit that the memory refuses stays in the pool, and credit that is put back is free memory", () => {
  const memory = createMemory(1000);
  const share = memory.open();
  const pool = createCreditPool(100_000, share);
  // More than each peer gets in any case, and more than half of the memory.
  expect(pool.take(70_000)).toBe(false);
  expect([share.bytes, pool.take(60_000), share.bytes]).toEqual([0, true, 60_000]);
  pool.give(60_000);
  expect(share.bytes).toBe(0);
  expect([pool.take(60_000), pool.take(40_001)]).toEqual([true, false]);
});
