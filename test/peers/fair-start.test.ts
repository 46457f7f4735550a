/** The starts of calls in the turns of their peer. */
import { expect, test } from "bun:test";
import { createShare } from "../../src/peers/fair-reader.ts";
import { countWaitingStarts, goOnInTurns, serveInTurns } from "../../src/peers/fair-start.ts";
import type { IncomingCall } from "../../src/wire/calls/incoming-call.ts";
import { until } from "../support/until.ts";
import { createOpenListener } from "../wire/session/scripted-peer.ts";

/** Calls as a session gives them: `given` is what the program before has left of each. */
function createCalls(count: number, given?: unknown): IncomingCall[] {
  const peer = createOpenListener();
  for (let index = 0; index < count; index++) peer.count({ id: `${index}`, method: `m${index}`, params: {} });
  if (given === undefined) return peer.calls;
  return peer.calls.map((call) => ({ ...call, handOver: { given, onFreeze: () => undefined } }));
}

function createServed() {
  const served: string[] = [];
  const collected: number[] = [];
  const share = createShare();
  const serve = serveInTurns(
    { call: ({ method }) => void served.push(method), notice: () => undefined },
    share,
    (bytes) => void collected.push(bytes),
  );
  return { served, collected, share, call: serve.call };
}

test("each call that starts counts as 16 KiB of garbage", async () => {
  const { served, collected, call } = createServed();
  createCalls(1).forEach(call);
  await until("the call starts", () => served.length === 1);
  expect(collected).toEqual([16 * 1024]);
});

test("of the calls of the program before, all go on, and the last ones before most others", async () => {
  const { served, call } = createServed();
  createCalls(100, {}).forEach(call);
  await until("all go on", () => served.length === 100);
  expect(new Set(served).size).toBe(100);
  expect(served.indexOf("m99")).toBeLessThan(50);
  expect(served.at(-1)).not.toBe("m99");
});

test("a new call does not wait until all calls of the program before have gone on", async () => {
  const { served, call } = createServed();
  createCalls(100, {}).forEach(call);
  const other = createServed();
  createCalls(1).forEach(other.call);
  await until("the new call starts", () => other.served.length === 1);
  expect(served.length).toBeLessThan(50);
  await until("all go on", () => served.length === 100);
});

test("calls of the program before are not counted as read from the peer, new calls are", async () => {
  const { served, share, call } = createServed();
  createCalls(3, {}).forEach(call);
  expect(share.calls.read).toBe(0);
  createCalls(2).forEach(call);
  expect(share.calls.read).toBe(2);
  await until("all start", () => served.length === 5);
});

test("calls of the program before count as waiting until they have gone on", async () => {
  const { served, call } = createServed();
  createCalls(100, {}).forEach(call);
  expect(countWaitingStarts()).toBe(100 - served.length);
  expect(served.length).toBeLessThan(100);
  await until("all go on", () => served.length === 100);
  expect(countWaitingStarts()).toBe(0);
});

test("a side without turns starts new calls at once, and goes on with others in turns", async () => {
  const served: string[] = [];
  const { call } = goOnInTurns({
    call: ({ method }) => void served.push(method),
    notice: () => undefined,
  });
  const old = createCalls(100, {});
  old.forEach(call);
  const before = served.length;
  expect(before).toBeLessThan(100);
  createCalls(1).forEach(call);
  expect(served.length).toBe(before + 1);
  await until("all go on", () => served.length === 101);
});
