/** Supervised attempts: the next one after each end, growing pauses, and the stop by a signal. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../src/errors.ts";
import { pause, supervise } from "../../src/peers/supervise.ts";

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

test("supervise makes no attempt when its signal has aborted before", async () => {
  await supervise({ signal: AbortSignal.abort(), onFailure: fail, attempt: fail });
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

test("an abort ends the pause between two attempts at once", async () => {
  const stop = new AbortController();
  await supervise({
    signal: stop.signal,
    onFailure: () => undefined,
    attempt: async () => false,
    async wait(_ms, signal) {
      const pausing = pause(60_000, signal);
      stop.abort();
      await pausing;
    },
  });
});

test("an aborted pause resolves early and never rejects", async () => {
  await pause(60_000, AbortSignal.abort());
  const stop = new AbortController();
  const pausing = pause(60_000, stop.signal);
  stop.abort();
  await pausing;
});

function fail(): never {
  throw new Error("must not be called");
}
