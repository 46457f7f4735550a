/** The time that is left of a call, for its peer and for the whole of it. */
import { expect, spyOn, test } from "bun:test";
import { startCall } from "../../src/peers/call-time.ts";
import type { CallLimits } from "../../src/peers/call-time.ts";

/** The rest of a call of these limits after some time. */
function leftAfter(limits: CallLimits, passedMs: number): [left: number, toConnect: number, isUp: boolean] {
  let nowMs = 10_000;
  using _ = spyOn(performance, "now").mockImplementation(() => nowMs);
  const time = startCall(limits);
  nowMs += passedMs;
  return [time.left(), time.leftToConnect(), time.isUp];
}

test.each([
  [1000, 0, 1000],
  [1000, 400.4, 600],
  [1000, 999.8, 1],
  [1000, 1000, 1],
  [1000, 5000, 1],
  [0, 0, 0],
  [0, 5000, 0],
  [1e12, 0, 2 ** 31 - 1],
])("of a deadline of %d ms, after %d ms are left %d", (timeoutMs, passedMs, leftMs) => {
  const [left, toConnect] = leftAfter({ timeoutMs, connectTimeoutMs: 0 }, passedMs);
  expect([left, toConnect]).toEqual([leftMs, leftMs]);
});

test.each([
  [0, 10_000, 9000],
  [20_000, 10_000, 9000],
  [3000, 10_000, 2000],
  [3000, 0, 2000],
  [0, 0, 0],
])("of a deadline of %d ms and a connect timeout of %d ms, after 1 s are left %d to connect", (...row) => {
  const [timeoutMs, connectTimeoutMs, leftMs] = row;
  expect(leftAfter({ timeoutMs, connectTimeoutMs }, 1000)[1]).toBe(leftMs);
});

test.each([
  [3000, 10_000, 2900, false],
  [3000, 10_000, 2990, true],
  [3000, 10_000, 5000, true],
  [3000, 0, 5000, true],
  [3000, 3000, 5000, false],
  [3000, 1000, 5000, false],
  [0, 1000, 5000, false],
  [0, 0, 5000, false],
])("a deadline of %d ms before a connect timeout of %d ms is up after %d ms: %p", (...row) => {
  const [timeoutMs, connectTimeoutMs, passedMs, isUp] = row;
  expect(leftAfter({ timeoutMs, connectTimeoutMs }, passedMs)[2]).toBe(isUp);
});
