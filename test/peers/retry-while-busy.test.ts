/** Waiting for a channel that is taken: until it is free, until the time is up, until nobody wants it any more. */
import { expect, test } from "bun:test";
import { createMemoryPair } from "../support/memory-channel.ts";
import { NegotiatorError } from "../../src/errors.ts";
import { retryWhileBusy } from "../../src/peers/retry-while-busy.ts";
import { rejectionOf } from "../support/error-of.ts";

const busy = (): NegotiatorError => new NegotiatorError("BUSY", "taken");

test("it is tried until it is free", async () => {
  const [channel] = createMemoryPair().ends;
  let tries = 0;
  const open = () => (++tries < 3 ? Promise.reject(busy()) : Promise.resolve(channel));
  expect(await retryWhileBusy(open, {})).toBe(channel);
  expect(tries).toBe(3);
});

test("another failure is final", async () => {
  let tries = 0;
  const open = () => Promise.reject(++tries === 1 ? busy() : new NegotiatorError("DENIED", "no"));
  expect((await rejectionOf(retryWhileBusy(open, {}))).code).toBe("DENIED");
});

test("when the time is up the last failure is told", async () => {
  const waiting = retryWhileBusy(() => Promise.reject(busy()), { timeoutMs: 1 });
  expect(await rejectionOf(waiting)).toMatchObject({ code: "BUSY", message: "taken" });
});

test("nobody waits when it is given up", async () => {
  const stop = new AbortController();
  const open = () => {
    queueMicrotask(() => stop.abort());
    return Promise.reject(busy());
  };
  expect((await rejectionOf(retryWhileBusy(open, { signal: stop.signal }))).code).toBe("BUSY");
});
