/** Listeners of an AbortSignal are called once, and removed. */
import { expect, test } from "bun:test";
import { onAbort, untilAborted } from "../src/abort.ts";

test("onAbort calls the listener when the signal aborts, and not before", () => {
  const life = new AbortController();
  let count = 0;
  using _ = onAbort(life.signal, () => count++);
  expect(count).toBe(0);
  life.abort();
  expect(count).toBe(1);
});

test("onAbort calls the listener at once, and only once, for a signal that has aborted", () => {
  let count = 0;
  const signal = AbortSignal.abort();
  using _ = onAbort(signal, () => count++);
  expect(count).toBe(1);
});

test("a signal that aborts after the listener was disposed calls nothing", () => {
  const life = new AbortController();
  let count = 0;
  onAbort(life.signal, () => count++)[Symbol.dispose]();
  life.abort();
  expect(count).toBe(0);
});

test("a listener is called once although the event comes twice", () => {
  const life = new AbortController();
  let count = 0;
  using _ = onAbort(life.signal, () => count++);
  life.signal.dispatchEvent(new Event("abort"));
  life.signal.dispatchEvent(new Event("abort"));
  expect(count).toBe(1);
});

test("untilAborted has the value or the error of the promise while nothing aborts", async () => {
  const { signal } = new AbortController();
  expect(await untilAborted(Promise.resolve(7), signal)).toBe(7);
  const failed = Promise.reject(new RangeError("broken"));
  const thrown = await untilAborted(failed, signal).catch((error: unknown) => error);
  expect(thrown).toEqual(new RangeError("broken"));
});

test("untilAborted rejects with the reason of the signal although the promise never ends", async () => {
  const life = new AbortController();
  const waiting = untilAborted(new Promise(() => undefined), life.signal);
  life.abort(new RangeError("too late"));
  expect(await waiting.catch((error: unknown) => error)).toEqual(new RangeError("too late"));
});
