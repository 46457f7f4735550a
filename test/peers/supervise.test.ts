/** Supervised attempts: the next one after each end, growing pauses, and the stop by a signal. */
import { expect, jest, test } from "bun:test";
import { NegotiatorError } from "../../src/errors.ts";
import { pause, supervise } from "../../src/peers/supervise.ts";
import type { AttemptResult } from "../../src/peers/supervise.ts";
import { waitTurns } from "../support/event-loop.ts";
import { useFakeTimers } from "../support/fake-timers.ts";

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
      if (attempts === 3) return "good";
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
    attempt: async () => (++attempts > 0 ? "good" : "soon"),
    wait: () => Promise.reject(new Error("no pause is due")),
  });
  expect(attempts).toBe(0);
});

/** Returns the middles of the random pauses after attempts with these results. */
async function pausesAfter(results: readonly AttemptResult[]): Promise<number[]> {
  const stop = new AbortController();
  const pausesMs: number[] = [];
  let attempts = 0;
  await supervise({
    signal: stop.signal,
    onFailure: () => undefined,
    attempt: async () => results[attempts++] ?? "soon",
    random: () => 0.5,
    async wait(ms) {
      pausesMs.push(ms);
      if (pausesMs.length === results.length) stop.abort();
    },
  });
  return pausesMs;
}

const repeat = (result: AttemptResult, count: number): AttemptResult[] => Array(count).fill(result);

test("the pauses after failed attempts grow up to 750 ms, and are short again after a good one", async () => {
  expect(await pausesAfter([...repeat("soon", 9), "good", "soon"])).toEqual([
    50, 75, 112.5, 168.75, 253.125, 379.6875, 569.53125, 750, 750, 50, 75,
  ]);
});

test("the pause in which an outage ends is shorter than the outage and 100 ms, and than 1.2 s", async () => {
  const pausesMs = await pausesAfter(repeat("soon", 20));
  let outageMs = 0;
  for (const pauseMs of pausesMs) {
    // The middles are spread by half.
    expect(pauseMs * 1.5).toBeLessThan(Math.min(outageMs + 100, 1200));
    outageMs += pauseMs;
  }
});

test("the pauses after attempts to repeat rarely grow up to 15 s", async () => {
  expect((await pausesAfter(repeat("rarely", 17))).slice(-3)).toEqual([
    expect.closeTo(14_596, 0),
    15_000,
    15_000,
  ]);
});

test("a failed attempt after such that are repeated rarely is repeated within 1.2 s", async () => {
  expect((await pausesAfter([...repeat("rarely", 12), "soon"])).at(-1)).toBe(750);
});

test("the pauses are spread from a half to one and a half of their middle", async () => {
  const stop = new AbortController();
  const pausesMs: number[] = [];
  await supervise({
    signal: stop.signal,
    onFailure: () => undefined,
    attempt: async () => "good",
    async wait(ms) {
      pausesMs.push(ms);
      if (pausesMs.length === 50) stop.abort();
    },
  });
  expect(new Set(pausesMs).size).toBe(50);
  for (const ms of pausesMs) expect(ms).toBeWithin(25, 75);
});

test("a pause that is ended early makes the next one short again", async () => {
  const stop = new AbortController();
  const pausesMs: number[] = [];
  let endPause: (() => void) | undefined;
  await supervise({
    signal: stop.signal,
    onFailure: () => undefined,
    attempt: async () => "soon",
    random: () => 0.5,
    onPause: (end) => (endPause = end),
    async wait(ms, signal) {
      pausesMs.push(ms);
      if (pausesMs.length === 6) stop.abort();
      if (pausesMs.length !== 4) return;
      endPause?.();
      expect(signal.aborted).toBe(true);
    },
  });
  expect(pausesMs).toEqual([50, 75, 112.5, 168.75, 50, 75]);
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
      return "soon";
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
  using _ = useFakeTimers();
  let isOver = false;
  const pausing = pause(60_000, new AbortController().signal).then(() => (isOver = true));
  jest.advanceTimersByTime(59_999);
  await waitTurns(5);
  expect(isOver).toBe(false);
  jest.advanceTimersByTime(1);
  await pausing;
  expect(isOver).toBe(true);
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
