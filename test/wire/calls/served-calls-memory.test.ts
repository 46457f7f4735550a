/** Served calls in the memory of all peers, and as plain data for another program. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { createCreditPool } from "../../../src/wire/calls/credit-pool.ts";
import { createIncomingCall } from "../../../src/wire/calls/incoming-call.ts";
import type { FrozenIncoming, IncomingEnd } from "../../../src/wire/calls/incoming-call.ts";
import { countBytes } from "../../../src/wire/calls/json-bytes.ts";
import { createServedCalls } from "../../../src/wire/calls/served-calls.ts";
import type { ServedCalls } from "../../../src/wire/calls/served-calls.ts";
import { createMemory } from "../../../src/wire/memory.ts";

const LIMITS = { finishedCalls: 10, finishedBytes: 10_000, finishedMs: 60_000 };
const IDS = ["a", "b", "c", "d"];
const PARAMS = { text: "x".repeat(50) };
const nothing = (): void => undefined;

function callOf(id: string, frozen?: FrozenIncoming): IncomingEnd {
  return createIncomingCall({
    request: frozen?.request ?? { kind: "request", method: "m", params: PARAMS, id },
    window: { firstBytes: 0, mostBytes: 0, pool: createCreditPool(0) },
    answerBytes: () => 1000,
    outlet: { control: nothing, begin: nothing, notice: nothing, ready: nothing, removeCall: nothing },
    listCalls: () => [],
    onAnswer: nothing,
    onOver: nothing,
    ...(frozen && { frozen }),
  });
}

/** Takes the memory of a call, and starts it. */
function start(served: ServedCalls, id: string): void {
  expect(served.take(countBytes(PARAMS))).toBe(true);
  served.start(id, callOf(id));
}

function finish(served: ServedCalls, id: string): void {
  start(served, id);
  served.finish(id, { kind: "result", id, result: id });
}

function kept(served: ServedCalls): string[] {
  return IDS.filter((id) => served.finished(id) !== undefined);
}

test("a running call and its answer count as memory of the peer, until they are forgotten", () => {
  const memory = createMemory(1 << 20);
  const served = createServedCalls(LIMITS, memory.open());
  start(served, "a");
  expect(memory.bytes).toBe(countBytes(PARAMS));
  served.finish("a", { kind: "result", id: "a", result: "a" });
  const answerBytes = memory.bytes;
  expect(answerBytes).toBeGreaterThan(countBytes(PARAMS));
  finish(served, "b");
  expect(memory.bytes).toBe(2 * answerBytes);
  served.expire(LIMITS.finishedMs);
  expect([memory.bytes, kept(served)]).toEqual([0, []]);
});

test("when other peers need memory, the older half of the answers gives way, and at last all of them", () => {
  const memory = createMemory(1 << 20);
  const served = createServedCalls(LIMITS, memory.open());
  for (const id of IDS) finish(served, id);
  const all = memory.bytes;
  memory.limit(all - 1);
  expect([kept(served), memory.bytes]).toEqual([["c", "d"], all / 2]);
  memory.limit(all / 2);
  expect(kept(served)).toEqual(["c", "d"]);
  memory.limit(1);
  expect([kept(served), memory.bytes]).toEqual([[], 0]);
});

test("a cancel of all calls aborts them, and forgets and keeps no answer", () => {
  const memory = createMemory(1 << 20);
  const served = createServedCalls(LIMITS, memory.open());
  finish(served, "a");
  start(served, "b");
  const reason = new NegotiatorError("CANCELLED", "the end");
  served.cancelAll(reason);
  expect(served.running("b")?.call.signal.reason).toBe(reason);
  expect(kept(served)).toEqual([]);
  served.finish("b", { kind: "result", id: "b", result: 1 });
  expect([kept(served), served.runningCount, memory.bytes]).toEqual([[], 0, 0]);
});

test("frozen calls go on with their ages, and their answers are kept for the rest of their time", () => {
  const before = createServedCalls(LIMITS);
  before.expire(1000);
  start(before, "a");
  before.expire(2000);
  finish(before, "b");
  before.expire(5000);
  const frozen = before.freeze();
  expect(frozen.running).toMatchObject([{ ageMs: 4000, call: { request: { id: "a" } } }]);
  expect(frozen.finished).toMatchObject([
    { ageMs: 3000, finishedMs: 3000, answer: { id: "b", result: "b" } },
  ]);

  const memory = createMemory(1 << 20);
  const after = createServedCalls(LIMITS, memory.open());
  after.expire(100_000);
  const thawed = after.thaw(frozen, (call) => callOf("", call));
  expect(thawed.map(({ request }) => request)).toMatchObject([{ id: "a" }]);
  expect([after.running("a"), after.runningBytes]).toEqual([thawed[0], countBytes(PARAMS)]);
  expect(after.list().map(({ id, startedMs }) => [id, startedMs])).toEqual([
    ["a", 4000],
    ["b", 3000],
  ]);
  after.expire(100_000 + LIMITS.finishedMs - 3001);
  expect(kept(after)).toEqual(["b"]);
  after.expire(100_000 + LIMITS.finishedMs - 3000);
  expect(kept(after)).toEqual([]);
  expect(memory.bytes).toBe(countBytes(PARAMS));
  after.finish("a", { kind: "result", id: "a", result: 1 });
  after.cancelAll(new NegotiatorError("CANCELLED", "the end"));
  expect(memory.bytes).toBe(0);
});
