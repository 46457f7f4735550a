/** Owns the fake timers of tests. */
import { afterEach, beforeEach, jest } from "bun:test";
import { everyTick } from "../../src/peers/ticker.ts";

/**
 * Replaces the timers of this process by fake ones until the result is disposed. The shared ticker keeps its
 * real timer: with a fake one it would stand still for the tests that come later.
 */
export function useFakeTimers(): Disposable {
  const tick = everyTick(() => undefined);
  jest.useFakeTimers();
  return {
    [Symbol.dispose]() {
      jest.useRealTimers();
      tick[Symbol.dispose]();
    },
  };
}

/** Gives fake timers to each test of the file. */
export function fakeTimersInEachTest(): void {
  let timers: Disposable | undefined;
  beforeEach(() => void (timers = useFakeTimers()));
  afterEach(() => timers?.[Symbol.dispose]());
}
