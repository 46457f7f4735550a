/** A server for peers without ids: order, limits, and an answer that fails. */
import { expect, test } from "bun:test";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import { createQueuedServer, wholeAnswer } from "../../../src/peers/queued/queued-server.ts";
import type { QueuedAnswer, QueuedRequests } from "../../../src/peers/queued/queued-server.ts";
import { spyOnOutput } from "../../support/spied-output.ts";
import { until } from "../../support/until.ts";

/** A server of requests `{ id }`. Records the ids in the order of the answers. */
function createScene(answer: QueuedRequests<unknown>["answer"], unsent = 0, bytes = 1) {
  const sent: Uint8Array[] = [];
  const line = {
    send: (bytes: Uint8Array) => void sent.push(bytes),
    unsent: () => unsent,
    limits: DEFAULT_LIMITS,
  };
  const server = createQueuedServer<unknown>(line, { read: ({ id }) => id, bytesOf: () => bytes, answer });
  return { server, sent: () => sent.map(([id]) => id) };
}

/** The answer to a request: its id. */
async function echo(id: unknown): Promise<QueuedAnswer> {
  return wholeAnswer(Uint8Array.of(Number(id)));
}

test("requests that arrive together are answered in their order", async () => {
  const { server, sent } = createScene(echo);
  for (const id of [1, 2, 3]) server.take({ id });
  server.take({ other: 4 });
  await until("all are answered", () => sent().length === 3);
  expect(sent()).toEqual([1, 2, 3]);
});

test("no request is started while an answer is unwritten, and 64 may wait", async () => {
  const started: unknown[] = [];
  const unwritten = createScene((id) => echo(started.push(id)), 1);
  for (let id = 1; id <= 100; id++) unwritten.server.take({ id });
  unwritten.server.resume();
  expect(started).toEqual([]);
  const { server, sent } = createScene(echo);
  for (let id = 1; id <= 100; id++) server.take({ id });
  await until("all are answered", () => sent().at(-1) === 65);
  expect(sent()).toEqual(Array.from({ length: 65 }, (_, index) => index + 1));
});

test("after an answer that fails the waiting requests are dropped, and later ones are answered", async () => {
  const { server, sent } = createScene((id) => (id === 1 ? Promise.reject(new Error("odd")) : echo(id)));
  const { stderr } = await spyOnOutput(async () => {
    for (const id of [1, 2, 3]) server.take({ id });
    await until("the queue is free", () => {
      server.take({ id: 4 });
      return sent().length > 0;
    });
  });
  expect(sent()[0]).toBe(4);
  expect(stderr).toBe("ERROR peers: A request got no answer: odd\n");
});

test("cancelAll drops the waiting requests and the answer of the running one", async () => {
  const running = Promise.withResolvers<void>();
  let reason: unknown;
  const { server, sent } = createScene(async (id, signal) => {
    if (id === 1) await running.promise;
    reason ??= signal.reason;
    return echo(id);
  });
  server.take({ id: 1 });
  server.take({ id: 2 });
  server.cancelAll();
  server.take({ id: 3 });
  running.resolve();
  await until("the last is answered", () => sent().length > 0);
  expect(sent()).toEqual([3]);
  expect(reason).toMatchObject({ code: "CANCELLED" });
});

test("requests that cancelAll drops no longer count towards the bytes that may wait", async () => {
  const running = Promise.withResolvers<void>();
  const half = DEFAULT_LIMITS.lengthPrefixedBytes / 2;
  const { server, sent } = createScene(
    async (id) => {
      await running.promise;
      return echo(id);
    },
    0,
    half,
  );
  for (const id of [1, 2, 3]) server.take({ id });
  server.cancelAll();
  for (const id of [4, 5]) server.take({ id });
  running.resolve();
  await until("both are answered", () => sent().length === 2);
  expect(sent()).toEqual([4, 5]);
});
