/** Delays that a timer accepts, and the time that is left of a deadline. */
import { expect, spyOn, test } from "bun:test";
import { clampDelay, countDown } from "../src/delay.ts";

test.each([
  [0, 0],
  [1000, 1000],
  [2 ** 31 - 1, 2 ** 31 - 1],
  [2 ** 31, 2 ** 31 - 1],
  [Infinity, 2 ** 31 - 1],
])("clampDelay(%d) is %d", (ms, expected) => {
  expect(clampDelay(ms)).toBe(expected);
});

test.each([
  [1000, 0, 1000],
  [1000, 400.4, 600],
  [1000, 999.8, 1],
  [1000, 1000, 1],
  [1000, 5000, 1],
  [0, 0, 0],
  [0, 5000, 0],
])("of a deadline of %d ms, after %d ms are left %d", (timeoutMs, passedMs, leftMs) => {
  let nowMs = 10_000;
  using _ = spyOn(performance, "now").mockImplementation(() => nowMs);
  const left = countDown(timeoutMs);
  nowMs += passedMs;
  expect(left()).toBe(leftMs);
});
