/** The served calls of a peer: the running ones, and the answers that their limits keep. */
import { describe, expect, test } from "bun:test";
import { createIncomingCall } from "../../../src/wire/calls/incoming-call.ts";
import type { IncomingEnd } from "../../../src/wire/calls/incoming-call.ts";
import { createCreditPool } from "../../../src/wire/calls/credit-pool.ts";
import { countBytes } from "../../../src/wire/calls/json-bytes.ts";
import { createServedCalls } from "../../../src/wire/calls/served-calls.ts";
import type { ServedCalls } from "../../../src/wire/calls/served-calls.ts";
import type { Request } from "../../../src/wire/message.ts";

const LIMITS = { finishedCalls: 3, finishedBytes: 1000, finishedMs: 60_000 };

const call = (id: string, changes: Partial<Request> = {}): IncomingEnd =>
  createIncomingCall({
    request: { kind: "request", method: "m", params: {}, ...changes, id },
    window: { firstBytes: 0, mostBytes: 0, pool: createCreditPool(0) },
    answerBytes: () => 1000,
    outlet: { control: () => {}, begin: () => {}, notice: () => {}, ready: () => {}, removeCall: () => {} },
    listCalls: () => [],
    onAnswer: () => {},
    onOver: () => {},
  });

const remember = (served: ServedCalls, number: number, result: unknown = number, keepMs?: number): void => {
  const id = `c${number}`;
  served.start(id, call(id, keepMs === undefined ? {} : { keepMs }));
  served.finish(id, { kind: "result", id, result });
};
const remembered = (served: ServedCalls): number[] =>
  [1, 2, 3, 4, 5, 6].filter((number) => served.finished(`c${number}`) !== undefined);

test("a served call is running until it has finished, and then its answer is kept", () => {
  const served = createServedCalls(LIMITS);
  const end = call("c1");
  served.start("c1", end);
  expect([served.runningCount, served.running("c1"), served.finished("c1")]).toEqual([1, end, undefined]);
  expect([served.has("c1"), served.has("c2")]).toEqual([true, false]);
  served.finish("c1", { kind: "result", id: "c1", result: 1 });
  expect([served.runningCount, served.running("c1"), served.has("c1")]).toEqual([0, undefined, true]);
  expect(served.finished("c1")).toEqual({ kind: "result", id: "c1", result: 1 });
});

test("an answer of a call that does not run is not kept", () => {
  const served = createServedCalls(LIMITS);
  served.finish("c1", { kind: "result", id: "c1", result: 1 });
  expect(served.has("c1")).toBe(false);
});

test("the parameters of running calls count in bytes, and with the kept answers after that", () => {
  const served = createServedCalls(LIMITS);
  const params = { text: "x".repeat(600) };
  for (const id of ["c1", "c2", "c3"]) served.start(id, call(id, { params }));
  expect(served.runningBytes).toBe(3 * countBytes(params));
  for (const id of ["c1", "c2", "c3"]) served.finish(id, { kind: "result", id, result: 1 });
  expect(served.runningBytes).toBe(0);
  // Three answers fit by their number and their bytes alone, and only one with its parameters.
  expect(remembered(served)).toEqual([3]);
});

test("the list has the calls in the order of their beginnings, with the times since then", () => {
  const served = createServedCalls(LIMITS);
  served.expire(1000);
  served.start("c1", call("c1", { isDetached: true, caller: { uid: 7 }, params: { command: "wc" } }));
  served.expire(2000);
  remember(served, 2);
  served.expire(5000);
  expect(served.list()).toEqual([
    {
      id: "c1",
      method: "m",
      params: { command: "wc" },
      state: "running",
      isDetached: true,
      caller: { uid: 7 },
      startedMs: 4000,
    },
    {
      id: "c2",
      method: "m",
      params: {},
      state: "finished",
      isDetached: false,
      startedMs: 3000,
      finishedMs: 3000,
    },
  ]);
});

describe("the limits of kept answers", () => {
  test("the oldest answer is removed when there are more than finishedCalls", () => {
    const served = createServedCalls(LIMITS);
    for (const id of [1, 2, 3]) remember(served, id);
    expect(remembered(served)).toEqual([1, 2, 3]);
    remember(served, 4);
    expect(remembered(served)).toEqual([2, 3, 4]);
  });

  test("the oldest answer is removed when there are more than finishedBytes", () => {
    const served = createServedCalls(LIMITS);
    for (const id of [1, 2]) remember(served, id, "x".repeat(400));
    expect(remembered(served)).toEqual([1, 2]);
    remember(served, 3, "x".repeat(400));
    expect(remembered(served)).toEqual([2, 3]);
  });

  test("an answer longer than finishedBytes is not kept, and later answers are", () => {
    const served = createServedCalls(LIMITS);
    remember(served, 1);
    remember(served, 2, "x".repeat(1000));
    expect(remembered(served)).toEqual([]);
    for (const id of [3, 4]) remember(served, id, "x".repeat(400));
    expect(remembered(served)).toEqual([3, 4]);
  });

  test("an answer is kept for keepMs, if that is shorter than finishedMs", () => {
    const served = createServedCalls(LIMITS);
    served.expire(0);
    remember(served, 1, 1, 10_000);
    remember(served, 2, 1, 999_999_999);
    remember(served, 3, 1, 0);
    served.expire(0);
    expect(remembered(served)).toEqual([1, 2]);
    served.expire(10_000);
    expect(remembered(served)).toEqual([2]);
    served.expire(60_000);
    expect(remembered(served)).toEqual([]);
  });

  test("an answer is removed after finishedMs", () => {
    const served = createServedCalls(LIMITS);
    served.expire(1000);
    remember(served, 1);
    served.expire(2000);
    remember(served, 2);
    served.expire(60_999);
    expect(remembered(served)).toEqual([1, 2]);
    served.expire(61_000);
    expect(remembered(served)).toEqual([2]);
    served.expire(62_000);
    expect(remembered(served)).toEqual([]);
  });
});
