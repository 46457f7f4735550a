/** Supervised attempts: the next one after each end, growing pauses, and the stop by a signal. */
import { expect, jest, test } from "bun:test";
import { NegotiatorError } from "../../src/errors.ts";
import { pause, supervise } from "../../src/peers/supervise.ts";
import { waitTurns } from "../support/event-loop.ts";

test("supervise starts another attempt after each end, and reports each failure as an error", async () => {
  const stop = new AbortController();
  const failures: string[] = [];
  let attempts = 0;
  await supervise({
    signal: stop.signal,
    onFailure: (error) => failures.push(`${error.code}: ${error.message}`),
    async attempt() {
      attempts++;
      if (attempts === 1) throw new NegotiatorError("NO_CHANNEL", "away");
      if (attempts === 2) throw new TypeError("broken");
      if (attempts === 3) return true;
      stop.abort();
      throw new Error("not reported, because the signal aborted");
    },
  });
  expect({ attempts, failures }).toEqual({ attempts: 4, failures: ["NO_CHANNEL: away", "INTERNAL: broken"] });
});

test("supervise makes no attempt and no pause when its signal has aborted before", async () => {
  let attempts = 0;
  await supervise({
    signal: AbortSignal.abort(),
    onFailure: (error) => expect(error).toBeUndefined(),
    attempt: async () => ++attempts > 0,
    wait: () => Promise.reject(new Error("no pause is due")),
  });
  expect(attempts).toBe(0);
});

test("the random pauses double up to 15 s, and are short again after a good attempt", async () => {
  const stop = new AbortController();
  const pausesMs: number[] = [];
  let attempts = 0;
  await supervise({
    signal: stop.signal,
    onFailure: () => undefined,
    attempt: async () => ++attempts === 12,
    async wait(ms) {
      pausesMs.push(ms);
      if (pausesMs.length === 13) stop.abort();
    },
  });
  const middlesMs = [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 15_000, 15_000, 15_000, 100, 200];
  expect(pausesMs).toHaveLength(middlesMs.length);
  const shares = pausesMs.map((ms, index) => ms / (middlesMs[index] ?? 0));
  for (const share of shares) expect(share).toBeWithin(0.5, 1.5);
  expect(new Set(shares).size).toBe(shares.length);
});

test("an abort ends the pause between two attempts at once, and there is no further attempt", async () => {
  const stop = new AbortController();
  let attempts = 0;
  const supervised = supervise({
    signal: stop.signal,
    onFailure: () => undefined,
    async attempt() {
      // A pause that does not wait would repeat this for ever.
      if (++attempts > 10) stop.abort();
      return false;
    },
    wait: (_ms, signal) => pause(100_000, signal),
  });
  await waitTurns(5);
  expect(attempts).toBe(1);
  stop.abort();
  await supervised;
  expect(attempts).toBe(1);
});

test("a pause of a minute lasts a minute", async () => {
  jest.useFakeTimers();
  try {
    let isOver = false;
    const pausing = pause(60_000, new AbortController().signal).then(() => (isOver = true));
    jest.advanceTimersByTime(59_999);
    await waitTurns(5);
    expect(isOver).toBe(false);
    jest.advanceTimersByTime(1);
    await pausing;
    expect(isOver).toBe(true);
  } finally {
    jest.useRealTimers();
  }
});

test("an aborted pause resolves early and never rejects", async () => {
  expect(await pause(100_000, AbortSignal.abort())).toBeUndefined();
  const stop = new AbortController();
  let isOver = false;
  const pausing = pause(100_000, stop.signal).then(() => (isOver = true));
  await waitTurns(5);
  expect(isOver).toBe(false);
  stop.abort();
  await pausing;
  expect(isOver).toBe(true);
});
