/** A close that waits for a running write, so that no message is cut in two. */
import { expect, test } from "bun:test";
import { withUnbrokenWrites } from "../../../src/peers/queued/unbroken-writes.ts";
import { waitTurns } from "../../support/event-loop.ts";
import { createMemoryPair } from "../../support/memory-channel.ts";
import type { Channel } from "../../../src/wire/channel.ts";

/** Returns a channel whose writes end when the test says so, and its calls. */
function createSample(stuckMs?: number) {
  const [plain] = createMemoryPair({ labels: ["web1", "far"] }).ends;
  const calls: string[] = [];
  const written = Promise.withResolvers<void>();
  const inner: Channel = {
    ...plain,
    write: () => (calls.push("write"), written.promise),
    close: async () => void calls.push("close"),
  };
  return { channel: withUnbrokenWrites(inner, stuckMs), calls, written };
}

test("without a running write, close and disposal close the channel", async () => {
  const { channel, calls } = createSample();
  expect(channel.label).toBe("web1");
  await channel.close();
  await channel[Symbol.asyncDispose]();
  expect(calls).toEqual(["close", "close"]);
});

test("close waits for a running write, and write resolves only when it has ended", async () => {
  const { channel, calls, written } = createSample();
  const writing = channel.write(new Uint8Array(1));
  const closing = channel.close();
  await waitTurns(3);
  expect([calls, Bun.peek.status(writing)]).toEqual([["write"], "pending"]);
  written.resolve();
  await Promise.all([writing, closing]);
  expect(calls).toEqual(["write", "close"]);
});

test("close goes on after a write that fails, and write rejects", async () => {
  const { channel, calls, written } = createSample();
  const writing = channel.write(new Uint8Array(1));
  const closing = channel.close();
  written.reject(new Error("broken"));
  expect(await writing.catch(String)).toBe("Error: broken");
  await closing;
  expect(calls).toEqual(["write", "close"]);
});

test("close does not wait longer than the time of a stuck agent", async () => {
  const { channel, calls } = createSample(1);
  void channel.write(new Uint8Array(1));
  await channel.close();
  expect(calls).toEqual(["write", "close"]);
});
