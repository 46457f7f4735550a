/** The served calls of a peer: the running ones, and the answers that their limits keep. */
import { describe, expect, test } from "bun:test";
import { createIncomingCall } from "../../../src/wire/calls/incoming-call.ts";
import type { IncomingEnd } from "../../../src/wire/calls/incoming-call.ts";
import { createServedCalls } from "../../../src/wire/calls/served-calls.ts";
import type { ServedCalls } from "../../../src/wire/calls/served-calls.ts";

const LIMITS = { finishedCalls: 3, finishedBytes: 1000, finishedMs: 60_000 };

const call = (id: number): IncomingEnd =>
  createIncomingCall({
    request: { kind: "request", id, method: "m", params: {} },
    creditBytes: 0,
    answerBytes: () => 1000,
    outlet: { control: () => {}, ready: () => {}, removeCall: () => {} },
    onAnswer: () => {},
    onOver: () => {},
  });

const remember = (served: ServedCalls, id: number, result: unknown = id): void =>
  served.finish(id, { kind: "result", id, result });
const remembered = (served: ServedCalls): number[] =>
  [1, 2, 3, 4, 5, 6].filter((id) => served.finished(id) !== undefined);

test("a served call is running until it has finished, and then its answer is kept", () => {
  const served = createServedCalls(LIMITS);
  const end = call(1);
  served.start(1, end, 42);
  expect([served.runningCount, served.running(1), served.finished(1)]).toEqual([1, end, undefined]);
  remember(served, 1);
  expect([served.runningCount, served.running(1)]).toEqual([0, undefined]);
  expect(served.finished(1)).toEqual({ kind: "result", id: 1, result: 1 });
  expect([served.fingerprintOf(1), served.fingerprintOf(2)]).toEqual([42, undefined]);
});

test('the call ids 1 and "1" are different', () => {
  const served = createServedCalls(LIMITS);
  remember(served, 1);
  expect(served.finished("1")).toBeUndefined();
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

  test("a repeated id keeps one answer, as the newest", () => {
    const served = createServedCalls(LIMITS);
    for (const id of [1, 2, 3, 1, 4]) remember(served, id, "x".repeat(200));
    expect(remembered(served)).toEqual([1, 3, 4]);
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
