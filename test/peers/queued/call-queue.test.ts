/** The queue of calls: order, failures and aborts. */
import { expect, test } from "bun:test";
import { createCallQueue } from "../../../src/peers/queued/call-queue.ts";
import { waitTurns } from "../../support/event-loop.ts";
import { until } from "../../support/until.ts";

const never = new AbortController().signal;

test("a queued call starts when the one before it has failed or ended", async () => {
  const queue = createCallQueue();
  const begun: string[] = [];
  const gate = Promise.withResolvers<string>();
  const first = queue.run(() => (begun.push("first"), gate.promise), never);
  const second = queue.run(async () => (begun.push("second"), 2), never);
  await waitTurns(5);
  expect({ begun, length: queue.length }).toEqual({ begun: ["first"], length: 2 });
  gate.reject(new Error("broken"));
  expect(await first.catch(String)).toBe("Error: broken");
  expect(await second).toBe(2);
  expect(queue.length).toBe(0);
  expect(await queue.run(async () => "later", never)).toBe("later");
});

test("an aborted running call rejects at once, and the next call waits for its real end", async () => {
  const queue = createCallQueue();
  const gate = Promise.withResolvers<void>();
  const stop = new AbortController();
  const first = queue.run(() => gate.promise, stop.signal);
  const second = queue.run(async () => "second", never);
  stop.abort(new Error("enough"));
  expect(await first.catch(String)).toBe("Error: enough");
  await waitTurns(5);
  expect(queue.length).toBe(1);
  gate.resolve();
  expect(await second).toBe("second");
});

test("a call whose signal has aborted before is never made", async () => {
  const queue = createCallQueue();
  let calls = 0;
  const given = queue.run(async () => ++calls, AbortSignal.abort(new Error("enough")));
  expect(await given.catch(String)).toBe("Error: enough");
  expect(calls).toBe(0);
});

test("the memory of an aborted waiting call is freed while the running call goes on", async () => {
  const queue = createCallQueue();
  void queue.run(() => Promise.withResolvers<never>().promise, never);
  const inputs: WeakRef<object>[] = [];
  for (let round = 0; round < 50; round++) inputs.push(await abortWaiting(queue));
  // The stack may still point at some inputs, so not all of them are collected.
  await until("most of their inputs are collected", () => {
    Bun.gc(true);
    return inputs.filter((input) => input.deref() !== undefined).length < 10;
  });
  expect(queue.length).toBe(1);
});

/** The input of a call that was aborted while it waited. */
async function abortWaiting(queue: ReturnType<typeof createCallQueue>): Promise<WeakRef<object>> {
  const input = { bytes: new Uint8Array(1024) };
  const stop = new AbortController();
  const given = queue.run(async () => input.bytes.length, stop.signal).catch(String);
  stop.abort(new Error("enough"));
  await given;
  return new WeakRef(input);
}
