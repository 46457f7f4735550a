/** The shared timer of everything that looks once a second. */
import { expect, jest, test } from "bun:test";
import { createTicker, TICK_MS } from "../../src/peers/ticker.ts";
import { fakeTimersInEachTest } from "../support/fake-timers.ts";

fakeTimersInEachTest();

test("a thousand listeners share one timer, which ends with the last of them", () => {
  const everyTick = createTicker();
  const before = jest.getTimerCount();
  let calls = 0;
  const watches = Array.from({ length: 1000 }, () => everyTick(() => calls++));
  expect(jest.getTimerCount() - before).toBe(1);
  jest.advanceTimersByTime(3 * TICK_MS);
  expect(calls).toBe(3000);
  for (const watch of watches) watch[Symbol.dispose]();
  expect(jest.getTimerCount() - before).toBe(0);
  jest.advanceTimersByTime(TICK_MS);
  expect(calls).toBe(3000);
});

test("a function that is given twice is called twice, and once after one of the two is disposed", () => {
  const everyTick = createTicker();
  let calls = 0;
  const count = (): void => void calls++;
  using _ = everyTick(count);
  const second = everyTick(count);
  jest.advanceTimersByTime(TICK_MS);
  expect(calls).toBe(2);
  second[Symbol.dispose]();
  jest.advanceTimersByTime(TICK_MS);
  expect(calls).toBe(3);
});

test("a listener that disposes another one during a tick spares it that tick", () => {
  const everyTick = createTicker();
  const called: string[] = [];
  using later = new DisposableStack();
  using _ = everyTick(() => {
    called.push("first");
    later.dispose();
  });
  later.use(everyTick(() => called.push("second")));
  jest.advanceTimersByTime(TICK_MS);
  expect(called).toEqual(["first"]);
});
