/** A session on a channel: hello, calls, and the ends of both. */
import { expect, jest, test } from "bun:test";
import { createMemoryPair } from "../support/memory-channel.ts";
import type { MemoryPair } from "../support/memory-channel.ts";
import type { FaultCode } from "../../src/errors.ts";
import { createLink } from "../../src/peers/link.ts";
import type { Link, LinkOptions } from "../../src/peers/link.ts";
import type { Channel } from "../../src/wire/channel.ts";
import type { IncomingCall } from "../../src/wire/calls/incoming-call.ts";
import { within } from "../support/deadline.ts";
import { rejectionOf } from "../support/error-of.ts";
import { waitTurns } from "../support/event-loop.ts";
import { until } from "../support/until.ts";
import { useFakeTimers } from "../support/fake-timers.ts";

let ids = 0;

function createTestLink(side: "dialler" | "listener", options: Partial<LinkOptions> = {}): Link {
  const agent = { name: "test", version: "1", role: side };
  const makeId = (): string => `${side}-id-number-${++ids}`;
  return createLink({ side, agent, makeId, onCall: () => undefined, ...options });
}

function flowingPair(): MemoryPair {
  const pair = createMemoryPair();
  pair.flow();
  return pair;
}

/** A channel whose reads or writes fail. */
function failing(failure: Error, where: "read" | "write"): Channel & { isClosed: boolean } {
  const { promise: never } = Promise.withResolvers<never>();
  const channel = {
    label: "failing",
    isClosed: false,
    async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
      if (where === "read") throw failure;
      yield await never;
    },
    write: () => (where === "write" ? Promise.reject(failure) : Promise.resolve()),
    close: async () => void (channel.isClosed = true),
    [Symbol.asyncDispose]: () => channel.close(),
  };
  return channel;
}

test("a link carries a call and its answer, and an abort ends both sides", async () => {
  const pair = flowingPair();
  const stop = new AbortController();
  const dialler = createTestLink("dialler");
  const listener = createTestLink("listener", { onCall: (call) => call.respond({ youSaid: call.params }) });
  const running = [dialler.run(pair.ends[0], stop.signal), listener.run(pair.ends[1])];
  const { result } = await dialler.session.call({ method: "echo", params: { a: 1 } }).answer;
  expect(result).toEqual({ youSaid: { a: 1 } });
  expect(listener.session.peer).toMatchObject({ role: "dialler" });
  stop.abort();
  expect(await running[0]).toEqual({ state: "open" });
  expect((await running[1])?.state).toBe("open");
  expect([dialler.session.state, listener.session.state]).toEqual(["cut", "cut"]);
});

test("a call that is answered between two channels gets its answer over the second", async () => {
  const dialler = createTestLink("dialler");
  const calls: IncomingCall[] = [];
  const listener = createTestLink("listener", { onCall: (call) => void calls.push(call) });
  const first = flowingPair();
  const firstRuns = [dialler.run(first.ends[0]), listener.run(first.ends[1])];
  const { answer } = dialler.session.call({ method: "slow" });
  await until("the call is there", () => calls.length === 1);
  first.cut();
  await Promise.all(firstRuns);
  calls[0]?.respond("done");
  const second = flowingPair();
  const secondRuns = [dialler.run(second.ends[0]), listener.run(second.ends[1])];
  expect((await answer).result).toBe("done");
  expect(calls).toHaveLength(1);
  second.cut();
  await Promise.all(secondRuns);
});

test("closing a session sends a goodbye, whose reason ends the other side's calls", async () => {
  const pair = flowingPair();
  const dialler = createTestLink("dialler");
  const listener = createTestLink("listener", { onCall: () => listener.session.close("going home") });
  const running = [dialler.run(pair.ends[0]), listener.run(pair.ends[1])];
  const error = await rejectionOf(dialler.session.call({ method: "x" }).answer);
  expect(error).toMatchObject({ code: "UNKNOWN_OUTCOME", message: expect.stringContaining("going home") });
  const ends = await Promise.all(running);
  expect(ends[0]).toMatchObject({ state: "cut", reason: { code: "CLOSED" } });
  expect(ends[1]).toMatchObject({ state: "ended" });
});

test("unanswered hellos wait 1, 2, 4, 8, then 15 s with NO_CHANNEL, and 1 s after an answer", async () => {
  using _ = useFakeTimers();
  const link = createTestLink("dialler", { firstHelloMs: 1000 });
  const expectWait = async (waitMs: number, code?: FaultCode): Promise<void> => {
    const running = link.run(flowingPair().ends[0]);
    jest.advanceTimersByTime(waitMs - 1);
    expect(await Promise.race([running, waitTurns(5)])).toBeUndefined();
    jest.advanceTimersByTime(1);
    const { state, reason } = await running;
    expect({ state, code: reason?.code }).toEqual({ state: "dialling", code });
  };
  for (const waitMs of [1000, 2000, 4000, 8000]) await expectWait(waitMs);
  for (const waitMs of [15_000, 15_000]) await expectWait(waitMs, "NO_CHANNEL");
  const pair = flowingPair();
  const listener = createTestLink("listener");
  const running = [link.run(pair.ends[0]), listener.run(pair.ends[1])];
  while (link.session.state !== "open") await waitTurns(1);
  listener.session.close("done");
  await Promise.all(running);
  await expectWait(1000);
});

/** Runs a link whose hello gets no answer, and returns the milliseconds until the run ends. */
async function timeHello(link: Link, after: { ms: number; hurry: () => void } | undefined): Promise<number> {
  const running = link.run(flowingPair().ends[0]);
  for (let passedMs = 0; ; passedMs += 100) {
    if ((await Promise.race([running, waitTurns(5)])) !== undefined) return passedMs;
    if (after?.ms === passedMs) after.hurry();
    jest.advanceTimersByTime(100);
  }
}

test.each([
  ["that has waited for longer than the first one may at once", 1500, 1500],
  ["that has waited for less at the time of the first one", 300, 1000],
])("hurry ends a hello %s", async (...row) => {
  const [, hurryMs, endMs] = row;
  using _ = useFakeTimers();
  const link = createTestLink("dialler", { firstHelloMs: 1000 });
  for (const waitMs of [1000, 2000]) expect(await timeHello(link, undefined)).toBe(waitMs);
  expect(await timeHello(link, { ms: hurryMs, hurry: () => link.hurry() })).toBeWithin(endMs, endMs + 101);
  expect(await timeHello(link, undefined)).toBe(2000);
});

test("hellos after an open session wait for a quarter of the outage at most", async () => {
  using _ = useFakeTimers();
  const link = createTestLink("dialler", { firstHelloMs: 1000 });
  const pair = flowingPair();
  const listener = createTestLink("listener");
  const running = [link.run(pair.ends[0]), listener.run(pair.ends[1])];
  while (link.session.state !== "open") await waitTurns(1);
  pair.cut();
  await Promise.all(running);
  const waitsMs: number[] = [];
  for (let hello = 0; hello < 12; hello++) waitsMs.push(await timeHello(link, undefined));
  expect(waitsMs.slice(0, 5)).toEqual([1000, 2000, 2000, 2000, 2000]);
  let outageMs = 0;
  for (const waitMs of waitsMs) {
    expect(waitMs).toBeLessThanOrEqual(Math.max(2000, outageMs / 4) + 100);
    outageMs += waitMs;
  }
  expect(waitsMs.at(-1)).toBeGreaterThan(3000);
});

test.each(["read", "write"] as const)(
  "a channel that fails to %s is closed, and the run rejects with its failure",
  async (where) => {
    const channel = failing(new Error("broken"), where);
    expect(await createTestLink("dialler").run(channel).catch(String)).toBe("Error: broken");
    expect(channel.isClosed).toBe(true);
  },
);

test("a failed write after an abort does not change the end of the run", async () => {
  const channel = failing(new Error("broken"), "write");
  const stop = new AbortController();
  const link = createTestLink("listener");
  const running = link.run(channel, stop.signal);
  await waitTurns(1);
  stop.abort();
  link.session.sendForeign(new Uint8Array(1));
  expect(await running).toEqual({ state: "idle" });
  expect(channel.isClosed).toBe(true);
});

test("an answer that arrived before a write failed still reaches its call", async () => {
  const [near, far] = flowingPair().ends;
  const { promise: broken, resolve: breakChannel } = Promise.withResolvers<void>();
  let isAnswered = false;
  const channel: Channel = {
    ...near,
    async *[Symbol.asyncIterator]() {
      for await (const bytes of near) {
        if (isAnswered) await broken;
        yield bytes;
      }
    },
    write(bytes) {
      if (!isAnswered) return near.write(bytes);
      breakChannel();
      return Promise.reject(new Error("broken"));
    },
  };
  const dialler = createTestLink("dialler");
  const listener = createTestLink("listener", {
    onCall(call) {
      isAnswered = true;
      call.respond("done");
    },
  });
  const running = [dialler.run(channel), listener.run(far)];
  const { answer } = dialler.session.call({ method: "x" });
  await until("it was asked", () => isAnswered);
  dialler.session.notify("y");
  expect((await answer).result).toBe("done");
  await far.close();
  expect((await Promise.all(running))[0]).toEqual({ state: "open" });
});

test("a signal that has aborted before ends the run at once", async () => {
  const pair = flowingPair();
  const running = createTestLink("dialler").run(pair.ends[0], AbortSignal.abort());
  expect(await within(running, 20_000, () => new Error("it goes on"))).toEqual({ state: "idle" });
});

test("a listener ignores a thousand invalid lines before a hello, and answers the hello", async () => {
  const link = createTestLink("listener");
  const pair = flowingPair();
  await pair.ends[1].write(new TextEncoder().encode("rubbish\n".repeat(1000)));
  const other = createTestLink("dialler");
  const runs = [link.run(pair.ends[0]), other.run(pair.ends[1])];
  await until("the session is open", () => link.session.state === "open");
  pair.cut();
  await Promise.all(runs);
});

test("a run ends when the other side closes the channel", async () => {
  const pair = flowingPair();
  const running = createTestLink("listener").run(pair.ends[1]);
  await pair.ends[0].close();
  expect((await running).state).toBe("idle");
});

test("a peer that does not read cannot hold up the end of a run", async () => {
  const pair = createMemoryPair({ capacityBytes: 1 });
  const stop = new AbortController();
  const running = createTestLink("dialler").run(pair.ends[0], stop.signal);
  stop.abort();
  expect(await within(running, 20_000, () => new Error("it goes on"))).toEqual({ state: "dialling" });
});

test("a link goes on reading while its own write waits", async () => {
  const pair = createMemoryPair({ capacityBytes: 64 });
  const notices: string[] = [];
  const listener = createTestLink("listener", { onNotice: (method) => void notices.push(method) });
  const dialler = createTestLink("dialler");
  const stop = new AbortController();
  const runs = [dialler.run(pair.ends[0], stop.signal), listener.run(pair.ends[1], stop.signal)];
  await until("the session is open", () => {
    pair.deliver(0);
    pair.deliver(1);
    return dialler.session.state === "open";
  });
  listener.session.notify("from.the.listener");
  dialler.session.notify("from.the.dialler");
  // Only the dialler's bytes are delivered, so the listener's write waits all the time.
  await until("the notice has come", () => {
    pair.deliver(0);
    return notices.length === 1;
  });
  expect(pair.inFlightBytes(1)).toBeGreaterThan(0);
  stop.abort();
  await Promise.all(runs);
});
