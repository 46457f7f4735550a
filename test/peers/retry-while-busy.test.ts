/** Waiting for a busy channel: until it is free, until the timeout, until an abort. */
import { expect, test } from "bun:test";
import { createMemoryPair } from "../support/memory-channel.ts";
import { NegotiatorError } from "../../src/errors.ts";
import { retryWhileBusy } from "../../src/peers/retry-while-busy.ts";
import { rejectionOf } from "../support/error-of.ts";

const busy = (): NegotiatorError => new NegotiatorError("BUSY", "taken");

test("a busy channel is tried again until it opens", async () => {
  const [channel] = createMemoryPair().ends;
  let tries = 0;
  const open = () => (++tries < 3 ? Promise.reject(busy()) : Promise.resolve(channel));
  expect(await retryWhileBusy(open, {})).toBe(channel);
  expect(tries).toBe(3);
});

test("an error other than BUSY rejects at once", async () => {
  let tries = 0;
  const open = () => Promise.reject(++tries === 1 ? busy() : new NegotiatorError("DENIED", "no"));
  expect((await rejectionOf(retryWhileBusy(open, {}))).code).toBe("DENIED");
});

test("a channel that stays busy rejects with BUSY after the timeout", async () => {
  const waiting = retryWhileBusy(() => Promise.reject(busy()), { timeoutMs: 1 });
  expect(await rejectionOf(waiting)).toMatchObject({ code: "BUSY", message: "taken" });
});

test("an abort rejects with BUSY, without another try", async () => {
  const stop = new AbortController();
  const open = () => {
    queueMicrotask(() => stop.abort());
    return Promise.reject(busy());
  };
  expect((await rejectionOf(retryWhileBusy(open, { signal: stop.signal }))).code).toBe("BUSY");
});
