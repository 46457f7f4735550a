/** A link on an unshared foreign port: order of answers, invalid messages, failures of the channel, close. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../src/errors.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { createCollectedCall } from "../../src/peers/queued/collected-call.ts";
import { createForeignLink } from "../../src/peers/foreign-link.ts";
import type { IncomingCall } from "../../src/wire/calls/incoming-call.ts";
import type { Channel } from "../../src/wire/channel.ts";
import { createMemoryPair } from "../support/memory-channel.ts";
import { rejectionOf } from "../support/error-of.ts";
import { waitTurns } from "../support/event-loop.ts";
import { until } from "../support/until.ts";
import { createScriptedDialect } from "./scripted-dialect.ts";

const never = new AbortController().signal;
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A link whose server the test plays, and the far end of its channel. */
function createBench() {
  const scripted = createScriptedDialect("scripted");
  const calls: IncomingCall[] = [];
  const serve = { call: (call: IncomingCall) => void calls.push(call), notice: () => undefined };
  const link = createForeignLink(scripted.dialect, { serve, makeId: () => "id", limits: DEFAULT_LIMITS });
  const pair = createMemoryPair();
  pair.flow();
  const [near, far] = pair.ends;
  return { ...scripted, calls, link, near, far };
}

test("a call that is answered twice counts once", async () => {
  const { link, near, calls, line } = createBench();
  const stop = new AbortController();
  const running = link.run(near, stop.signal);
  startCall({ line });
  expect(link.calls.incoming).toBe(1);
  calls[0]?.respond(1);
  calls[0]?.fail(new NegotiatorError("INTERNAL", "again"));
  expect(link.calls.incoming).toBe(0);
  stop.abort();
  await running;
});

/** Lets a call of the peer run. It ends when `calls` is answered. */
function startCall({ line }: Pick<ReturnType<typeof createBench>, "line">): void {
  const { call } = createCollectedCall({
    id: "c1",
    method: "execute",
    params: {},
    input: null,
    signal: never,
    take: () => undefined,
  });
  line().serve.call(call);
}

/** A channel that reads nothing, writes when the test lets it, and records both. */
function createSlowChannel() {
  const written: string[] = [];
  const gates: PromiseWithResolvers<void>[] = [];
  const closed = Promise.withResolvers<void>();
  const close = async (): Promise<void> => closed.resolve();
  const channel: Channel = {
    label: "slow",
    [Symbol.asyncIterator]: () => ({
      next: () => closed.promise.then(() => ({ done: true, value: undefined })),
    }),
    write(bytes) {
      written.push(new TextDecoder().decode(bytes));
      const gate = Promise.withResolvers<void>();
      gates.push(gate);
      return gate.promise;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
  return { channel, written, gates };
}

test("answers are written one after the other, and unsent counts down with each", async () => {
  const { link, line, events } = createBench();
  const { channel, written, gates } = createSlowChannel();
  const running = link.run(channel, never);
  for (const answer of ["one", "two", "three"]) line().send(bytesOf(answer));
  expect(line().unsent()).toBe(3);
  for (const [index, answer] of ["one", "two", "three"].entries()) {
    await waitTurns(2);
    expect(written.slice(index)).toEqual([answer]);
    gates[index]?.resolve();
  }
  await waitTurns(2);
  expect(events).toEqual(["resume, 2 unsent", "resume, 1 unsent", "resume, 0 unsent"]);
  await channel.close();
  await running;
});

test("a run whose write fails rejects with the failure and cancels the calls", async () => {
  const { link, line, events } = createBench();
  const { channel, gates } = createSlowChannel();
  const running = link.run(channel, never);
  line().send(bytesOf("answer"));
  await until("the write has begun", () => gates.length === 1);
  gates[0]?.reject(new Error("broken"));
  expect(await running.catch(String)).toBe("Error: broken");
  expect(events).toEqual(["cancelAll"]);
});

test("a run whose read fails rejects with the failure and cancels the calls", async () => {
  const { link, events, near } = createBench();
  const broken: Channel = {
    ...near,
    [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error("broken")) }),
  };
  expect(await link.run(broken, never).catch(String)).toBe("Error: broken");
  expect(events).toEqual(["cancelAll"]);
});

test("more than 32 invalid messages in a row reject with BAD_FRAME and the dialect", async () => {
  const { link, near, far } = createBench();
  const running = rejectionOf(link.run(near, never));
  await far.write(bytesOf('{"other": 1}\n'.repeat(DEFAULT_LIMITS.faults) + "{rubbish}\n"));
  expect(await running).toMatchObject({
    code: "BAD_FRAME",
    message: "The peer (scripted agent) sent too many invalid messages",
  });
});

test("a valid message resets the count of invalid ones", async () => {
  const { link, near, far, taken } = createBench();
  const running = link.run(near, never);
  const half = "{rubbish}\n".repeat(DEFAULT_LIMITS.faults);
  for (const number of [1, 2, 3]) await far.write(bytesOf(`${half}{"scripted": ${number}}\n`));
  await until("all are taken", () => taken.length === 3);
  await far.close();
  expect(await running).toBeUndefined();
});

test("close while a call runs cancels it, closes the channel and resolves the run", async () => {
  const bench = createBench();
  const { link, near, far, events, calls } = bench;
  const running = link.run(near, never);
  startCall(bench);
  expect(link.calls).toEqual({ outgoing: 0, incoming: 1 });
  link.close();
  expect(await running).toBeUndefined();
  expect(events).toEqual(["cancelAll"]);
  expect((await rejectionOf(far.write(bytesOf("late")))).code).toBe("CLOSED");
  calls[0]?.respond(null);
  expect(link.calls).toEqual({ outgoing: 0, incoming: 0 });
});

test("a failed call no longer counts as running", async () => {
  const bench = createBench();
  const running = bench.link.run(bench.near, never);
  startCall(bench);
  bench.calls[0]?.fail(new NegotiatorError("NO_COMMAND", "no"));
  expect(bench.link.calls.incoming).toBe(0);
  await bench.far.close();
  await running;
});

test.each([
  ["aborts before the run", true],
  ["aborts during the run", false],
])("a signal that %s resolves it and closes the channel", async (_, isBefore) => {
  const { link, near, far } = createBench();
  const stop = new AbortController();
  if (isBefore) stop.abort();
  const running = link.run(near, stop.signal);
  stop.abort();
  expect(await running).toBeUndefined();
  expect((await rejectionOf(far.write(bytesOf("late")))).code).toBe("CLOSED");
});
