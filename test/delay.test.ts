/** Delays that a timer accepts, and the times after a deadline. */
import { expect, test } from "bun:test";
import { clampDelay, LATE_MS } from "../src/delay.ts";

test.each([
  [0, 0],
  [1000, 1000],
  [2 ** 31 - 1, 2 ** 31 - 1],
  [2 ** 31, 2 ** 31 - 1],
  [Infinity, 2 ** 31 - 1],
])("clampDelay(%d) is %d", (ms, expected) => {
  expect(clampDelay(ms)).toBe(expected);
});

test("after a deadline each process answers before its own caller gives up, all within a second", () => {
  const { runner, relay, caller, last } = LATE_MS;
  expect([runner, relay, caller, last]).toEqual([runner, relay, caller, last].sort((a, b) => a - b));
  expect(new Set([runner, relay, caller, last]).size).toBe(4);
  expect(last).toBeLessThan(900);
});
