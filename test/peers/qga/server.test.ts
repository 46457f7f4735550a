/** Answers to guest agent clients: order, ids, the delimiter, clients that leave, clients that never read. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import { createForeignLink } from "../../../src/peers/foreign-link.ts";
import { QGA } from "../../../src/peers/qga/qga.ts";
import type { Channel } from "../../../src/wire/channel.ts";
import type { IncomingCall } from "../../../src/wire/calls/incoming-call.ts";
import { createMemoryPair } from "../../support/memory-channel.ts";
import { waitTurns } from "../../support/event-loop.ts";
import { until } from "../../support/until.ts";

const never = new AbortController().signal;

function serveBy(call: (call: IncomingCall) => void) {
  return createForeignLink(QGA, {
    serve: { call, notice: () => undefined },
    makeId: () => "id",
    limits: DEFAULT_LIMITS,
  });
}

/** A link whose calls wait in a list. */
function collectCalls() {
  const calls: IncomingCall[] = [];
  return { calls, link: serveBy((call) => void calls.push(call)) };
}

/** A link whose calls the test answers, and the client's end of its channel. */
function createBench(capacityBytes = 64 * 1024) {
  const { calls, link } = collectCalls();
  const pair = createMemoryPair({ capacityBytes });
  const [near, far] = pair.ends;
  const running = link.run(near, never);
  let received = "";
  const reading = (async () => {
    for await (const bytes of far) received += Buffer.from(bytes).toString("latin1");
  })();
  return {
    calls,
    link,
    pair,
    far,
    send: (text: string) => far.write(Buffer.from(text, "latin1")),
    received: () => received,
    /** Answers the call of that number, once it is there. */
    async answer(index: number, result: unknown) {
      await until(`call ${index} is there`, () => calls.length > index);
      calls[index]?.respond(result);
    },
    async end() {
      link.close();
      await running;
      await far.close();
      await reading;
    },
  };
}

test("requests that arrive together are answered in their order, with their ids", async () => {
  const bench = createBench();
  bench.pair.flow();
  await bench.send('{"execute":"a","id":[1,1.5]}{"execute":"b"}{"execute":"c","arguments":{"x":1}}');
  await bench.answer(0, 1n);
  await bench.answer(1, {});
  await bench.answer(2, []);
  await until("all are answered", () => bench.received().split("\n").length > 3);
  expect(bench.received()).toBe('{"return": 1, "id": [1, 1.5]}\n{"return": {}}\n{"return": []}\n');
  expect(bench.calls.map(({ method, params }) => ({ method, params }))).toEqual([
    { method: "a", params: {} },
    { method: "b", params: {} },
    { method: "c", params: { x: 1n } },
  ]);
  await bench.end();
});

test("only the answer to a delimited synchronisation has the byte 0xFF in front", async () => {
  const bench = createBench();
  bench.pair.flow();
  await bench.send(
    '{"execute":"guest-sync-delimited"}{"execute":"guest-sync"}{"execute":"guest-sync-delimited"}',
  );
  await bench.answer(0, 7n);
  await bench.answer(1, 8n);
  await until("the third is there", () => bench.calls.length > 2);
  bench.calls[2]?.fail(new NegotiatorError("BAD_REQUEST", "no"));
  await until("all are answered", () => bench.received().split("\n").length > 3);
  expect(bench.received()).toBe(
    '\u00ff{"return": 7}\n{"return": 8}\n{"error": {"class": "GenericError", "desc": "no"}}\n',
  );
  await bench.end();
});

const REFUSED: readonly (readonly [request: string, desc: string])[] = [
  ["[]", "QMP input must be a JSON object"],
  ["{}", "QMP input lacks member 'execute'"],
  ['{"execute":1}', "QMP input member 'execute' must be a string"],
  ['{"execute":"a","arguments":[]}', "QMP input member 'arguments' must be an object"],
  ['{"execute":"a","exec-oob":1}', "QMP input member 'exec-oob' is unexpected"],
];

test.each(REFUSED)("the request %s is refused", async (request, desc) => {
  const bench = createBench();
  bench.pair.flow();
  await bench.send(request);
  await until("it is answered", () => bench.received().endsWith("\n"));
  expect(bench.received()).toBe(`{"error": {"class": "GenericError", "desc": "${desc}"}}\n`);
  expect(bench.calls).toEqual([]);
  await bench.end();
});

const ERRORS = [
  ["UNKNOWN_METHOD", "CommandNotFound", "The command a has not been found"],
  [
    "DENIED",
    "CommandNotFound",
    "Command a has been disabled: the command is not allowed (It failed\nRead the log)",
  ],
  ["INTERNAL", "GenericError", "It failed\nRead the log"],
] as const;

test.each(ERRORS)("an error with the code %s has the class %s", async (code, kind, desc) => {
  const bench = createBench();
  bench.pair.flow();
  await bench.send('{"execute":"a","id":1}');
  await until("the call is there", () => bench.calls.length > 0);
  bench.calls[0]?.fail(new NegotiatorError(code, "It failed", { remedy: "Read the log" }));
  await until("it is answered", () => bench.received().endsWith("\n"));
  expect(JSON.parse(bench.received())).toEqual({ id: 1, error: { class: kind, desc } });
  await bench.end();
});

test("a command without an answer sends nothing, and the next one is answered", async () => {
  const bench = createBench();
  bench.pair.flow();
  await bench.send('{"execute":"guest-shutdown"}{"execute":"guest-ping"}');
  await bench.answer(0, undefined);
  await bench.answer(1, {});
  await until("the ping is answered", () => bench.received().endsWith("\n"));
  expect(bench.received()).toBe('{"return": {}}\n');
  await bench.end();
});

/** A port whose host sends these pieces, one each time that the test says so; an empty one is its leaving. */
function createPort() {
  const pieces: Uint8Array[] = [];
  const written: string[] = [];
  let wake = Promise.withResolvers<void>();
  const life = { aborted: false };
  const close = async (): Promise<void> => {
    life.aborted = true;
    wake.resolve();
  };
  const port: Channel = {
    label: "port",
    async *[Symbol.asyncIterator]() {
      for (;;) {
        wake = Promise.withResolvers();
        for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) yield piece;
        await wake.promise;
        if (life.aborted) return;
      }
    },
    write: async (bytes) => void written.push(Buffer.from(bytes).toString("latin1")),
    close,
    [Symbol.asyncDispose]: close,
  };
  return {
    port,
    written,
    send(text: string) {
      pieces.push(Buffer.from(text, "latin1"));
      wake.resolve();
    },
  };
}

test("the answer to a client that has left is dropped, and the rest of its request too", async () => {
  const { calls, link } = collectCalls();
  const bench = createPort();
  const { port, written } = bench;
  const running = link.run(port, never);
  bench.send('{"execute":"a"}{"execute":"b"}{"execute":');
  await until("the first call is there", () => calls.length === 1);
  bench.send("");
  await until("the call is cancelled", () => calls[0]?.signal.aborted === true);
  calls[0]?.respond("late");
  bench.send('{"execute":"c"}');
  await until("the next client's call is there", () => calls.length > 1);
  calls[1]?.respond("c");
  await until("the next client is answered", () => written.length > 0);
  expect(written).toEqual(['{"return": "c"}\n']);
  expect(calls.map(({ method }) => method)).toEqual(["a", "c"]);
  link.close();
  await running;
});

test("requests of a client that has left do not run, however many it has sent at once", async () => {
  const { calls, link } = collectCalls();
  const bench = createPort();
  const running = link.run(bench.port, never);
  bench.send('{"execute":"a"}'.repeat(100));
  await until("the first call is there", () => calls.length === 1);
  bench.send("");
  await until("the call is cancelled", () => calls[0]?.signal.aborted === true);
  calls[0]?.respond("late");
  bench.send('{"execute":"b"}');
  await until("the next client's call is there", () => calls.at(-1)?.method === "b");
  expect(calls).toHaveLength(2);
  link.close();
  await running;
});

test("an answer that no client reads is the only one in memory", async () => {
  const bench = createBench(1024);
  const sending = bench.send('{"execute":"a"}'.repeat(20));
  bench.pair.deliver(1);
  await bench.answer(0, "x".repeat(1_000_000));
  await waitTurns(10);
  expect(bench.calls).toHaveLength(1);
  bench.pair.flow();
  for (let index = 1; index < 20; index++) await bench.answer(index, {});
  await sending;
  await bench.end();
});

test("while a client has many requests, timers and other clients get their turns", async () => {
  const answered = { count: 0 };
  const link = serveBy((call) => call.respond({}));
  const pieces = [Buffer.alloc(50_000, 0xff), Buffer.from('{"execute":"a"}'.repeat(5000))];
  const flood: Channel = {
    label: "flood",
    async *[Symbol.asyncIterator]() {
      yield* pieces;
    },
    write: async () => void answered.count++,
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
  let turns = 0;
  const count = (): void => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  let isOver = false;
  setImmediate(count);
  await link.run(flood, never);
  isOver = true;
  await until("all are answered", () => answered.count === 55_000);
  expect(turns).toBeGreaterThan(20);
});

test("a client that never reads gets no further call than those whose answers fit", async () => {
  const bench = createBench(1024);
  const requests = 400;
  let sent = 0;
  const sending = (async () => {
    for (; sent < requests; sent++) await bench.send('{"execute":"a"}');
  })();
  let answered = 0;
  const answerAll = (): void => {
    bench.pair.deliver(1);
    for (; answered < bench.calls.length; answered++) bench.calls[answered]?.respond("x".repeat(200));
  };
  let still = 0;
  let before = 0;
  await until("no further call comes", () => {
    answerAll();
    still = bench.calls.length === before ? still + 1 : 0;
    before = bench.calls.length;
    return still > 20;
  });
  expect(bench.calls.length).toBeLessThan(requests / 4);
  bench.pair.flow();
  await until("all are answered once the client reads", () => {
    answerAll();
    return bench.received().split("\n").length > requests;
  });
  await sending;
  await bench.end();
});
