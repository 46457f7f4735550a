/** The limits of the server for old peers: waiting requests, their bytes, and unread answers. */
import { expect, test } from "bun:test";
import { createMemoryPair } from "../../support/memory-channel.ts";
import { createLegacyServer } from "../../../src/peers/legacy/server.ts";
import type { ForeignServer } from "../../../src/peers/dialect.ts";
import { LEGACY } from "../../../src/peers/legacy/legacy.ts";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import { createLink } from "../../../src/peers/link.ts";
import { describeAgent, makeId } from "../../../src/roles/identity.ts";
import { createAnswerMemory } from "../../../src/peers/answer-memory.ts";
import { createListener } from "../listener.ts";
import type { IncomingCall } from "../../../src/wire/calls/incoming-call.ts";
import type { JsonObject } from "../../../src/wire/json.ts";
import { createOldClient, frame } from "../../support/old-client.ts";
import { waitTurns } from "../../support/event-loop.ts";
import { until } from "../../support/until.ts";

const MESSAGE_BYTES = 64 * 1024;
const RESULT = { exitCode: 0, signal: null, endedBy: "command", durationMs: 1 };

type Bench = { server: ForeignServer; calls: IncomingCall[]; answers: string[]; sent: string[] };

/** A server whose calls stay open until the test ends them. `answers` are not taken yet, `sent` has all. */
function createBench(): Bench {
  const calls: IncomingCall[] = [];
  const answers: string[] = [];
  const sent: string[] = [];
  const server = createLegacyServer({
    serve: { call: (call) => void calls.push(call), notice: () => undefined },
    send(bytes) {
      const answer = new TextDecoder().decode(bytes);
      answers.push(answer);
      sent.push(answer);
    },
    unsent: () => answers.length,
    makeId: () => `call-${calls.length}`,
    limits: { ...DEFAULT_LIMITS, lengthPrefixedBytes: MESSAGE_BYTES },
    answerMemory: createAnswerMemory(MESSAGE_BYTES),
  });
  return { server, calls, answers, sent };
}

function execute(command: string, input?: string): JsonObject {
  return { method: "execute", args: [command], kw: { input } };
}

/** Ends every call that comes, and takes every answer, until nothing more comes. */
async function drain({ server, calls, answers }: Bench): Promise<unknown[]> {
  for (let ended = 0; ended < calls.length; ended++) {
    calls[ended]?.respond(RESULT);
    await until("the answer is there", () => answers.length > 0);
    answers.length = 0;
    server.resume();
    await waitTurns(5);
  }
  return calls.map(({ params }) => params);
}

test("a waiting request beyond the byte limit gets no answer, and smaller ones after it do", async () => {
  const bench = createBench();
  bench.server.take(execute("first"));
  for (const command of ["large", "no-room"]) bench.server.take(execute(command, "€".repeat(20_000)));
  for (const command of ["small", "too"]) bench.server.take(execute(command));
  expect(await drain(bench)).toMatchObject(
    ["first", "large", "small", "too"].map((command) => ({ command })),
  );
});

test("a request for an unknown method counts towards the byte limit", async () => {
  const bench = createBench();
  for (const command of ["first", "second"]) bench.server.take(execute(command));
  bench.server.take({ method: "x".repeat(MESSAGE_BYTES), args: [], kw: {} });
  bench.server.take(execute("third"));
  expect(await drain(bench)).toHaveLength(3);
  expect(bench.sent.filter((answer) => answer.includes("not supported"))).toEqual([]);
});

test.each([{ success: 1 }, { method: 7 }, { args: ["m"] }, {}])(
  "the object %j is not recognised as a python-negotiator message",
  (object) => expect(LEGACY.recognises(object)).toBe(false),
);

test("ten thousand one-letter arguments exceed the byte limit, because each takes memory", async () => {
  const bench = createBench();
  bench.server.take(execute("first"));
  bench.server.take(execute("second"));
  const args = Array.from({ length: 10_000 }, () => "x");
  bench.server.take({ method: "execute", args, kw: {} });
  expect(await drain(bench)).toHaveLength(2);
});

test("the next request starts only when the last answer was written", async () => {
  const bench = createBench();
  for (const command of ["one", "two", "three"]) bench.server.take(execute(command));
  bench.calls[0]?.respond(RESULT);
  await until("the answer is there", () => bench.answers.length === 1);
  bench.server.take(execute("four"));
  await waitTurns(5);
  expect(bench.calls).toHaveLength(1);
  expect(await drain(bench)).toHaveLength(4);
});

test("cancelAll drops waiting requests, cancels the running call and sends no answer", async () => {
  const bench = createBench();
  for (const command of ["runs", "waits"]) bench.server.take(execute(command));
  bench.server.cancelAll();
  expect(bench.calls[0]?.signal.aborted).toBe(true);
  bench.server.take(execute("next"));
  bench.calls[0]?.respond(RESULT);
  await until("the next one is served", () => bench.calls.length === 2);
  expect(bench.answers).toEqual([]);
  expect(bench.calls[1]).toMatchObject({ params: { command: "next" }, signal: { aborted: false } });
});

test("a daemon's link cancels a call when its channel ends, and answers on the next channel", async () => {
  const calls: IncomingCall[] = [];
  const link = createListener({ call: (call) => void calls.push(call), notice: () => undefined });
  const first = createMemoryPair();
  first.flow();
  const running = link.run(first.ends[1], new AbortController().signal);
  const request = frame({ method: "execute", args: ["hang"] });
  await createOldClient(first.ends[0]).send(request + request);
  await until("it runs", () => calls.length === 1);
  await first.ends[0].close();
  await running;
  expect(calls[0]?.signal.aborted).toBe(true);
  calls[0]?.respond(RESULT);

  const second = createMemoryPair();
  second.flow();
  const runningAgain = link.run(second.ends[1], new AbortController().signal);
  const client = createOldClient(second.ends[0]);
  const answer = client.call("execute", ["next"]);
  await until("it runs", () => calls.length === 2);
  expect(calls[1]?.params).toMatchObject({ command: "next" });
  calls[1]?.respond(RESULT);
  expect(await answer).toEqual({ result: "", success: true });
  await client.close();
  await runningAgain;
});

test("a native hello on the port cancels the old host's call, and its answer is not sent", async () => {
  const calls: IncomingCall[] = [];
  const link = createListener({ call: (call) => void calls.push(call), notice: () => undefined });
  const pair = createMemoryPair();
  pair.flow();
  const running = link.run(pair.ends[1], new AbortController().signal);
  await pair.ends[0].write(Buffer.from(frame({ method: "execute", args: ["hang"] })));
  await until("it runs", () => calls.length === 1);
  const dialler = createLink({ side: "dialler", agent: describeAgent("guest"), makeId, onCall: fail });
  const dialling = dialler.run(pair.ends[0]);
  await until("the session is open", () => dialler.session.state === "open");
  expect(calls[0]?.signal.aborted).toBe(true);
  calls[0]?.respond(RESULT);
  await waitTurns(5);
  expect(dialler.session.state).toBe("open");
  dialler.session.close("done");
  await Promise.all([dialling, pair.ends[0].close(), running]);
});

function fail(): never {
  throw new Error("unexpected call");
}
