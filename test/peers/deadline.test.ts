/** The deadline of a call, enforced on the caller's side. */
import { expect, jest, test } from "bun:test";
import { NegotiatorError } from "../../src/errors.ts";
import { answerInTime } from "../../src/peers/deadline.ts";
import type { Answer, OutgoingCall } from "../../src/wire/calls/outgoing-call.ts";
import { rejectionOf } from "../support/error-of.ts";
import { settle } from "../wire/session/scripted-peer.ts";
import { useFakeTimers } from "../support/fake-timers.ts";

const ANSWER: Answer = { result: "done", streams: {} };
const silence = (): NegotiatorError => new NegotiatorError("NO_CHANNEL", "nobody there");

/** A peer that sends all the time, or never again. */
function createPulse(isAlive: boolean) {
  const pulse = { asked: 0, ask: () => void pulse.asked++, heardMs: isAlive ? Infinity : 0 };
  return pulse;
}

function noStream(): never {
  throw new Error("no streams");
}

function createCall(isSent: boolean, isAwaited = true) {
  const { promise: answer, resolve, reject } = Promise.withResolvers<Answer>();
  answer.catch(() => undefined);
  const cancels: (string | undefined)[] = [];
  const over = Promise.withResolvers<void>();
  over.promise.catch(() => undefined);
  const call = {
    id: "c1",
    isSent,
    answer,
    over: over.promise,
    isAwaited,
    receivedBytes: 0,
    send: () => undefined,
    listen: () => undefined,
    reader: noStream,
    writer: noStream,
    cancel: (reason) => void cancels.push(reason),
    freezeOver: () => undefined,
    abort(error) {
      reject(error);
      over.reject(error);
    },
  } satisfies OutgoingCall;
  return { call, cancels, resolve, end: over.resolve };
}

test("an answer before the deadline is returned, and nothing is cancelled", async () => {
  const { call, cancels, resolve, end } = createCall(true);
  const waiting = answerInTime(call, { timeoutMs: 60_000 }, createPulse(true), silence);
  resolve(ANSWER);
  end();
  expect(await waiting).toBe(ANSWER);
  expect(cancels).toEqual([]);
});

test("a call that was not sent by its deadline rejects with the explanation", async () => {
  const { call, cancels } = createCall(false);
  const error = await rejectionOf(answerInTime(call, { timeoutMs: 10 }, createPulse(true), silence));
  expect(error).toMatchObject({ code: "NO_CHANNEL", message: "nobody there" });
  expect(cancels).toEqual([]);
});

test.each([
  ["a live peer", true, "It is alive, but does not answer"],
  ["a silent peer", false, "nobody there"],
])("a call that was sent to %s ends in TIMEOUT half a second after its deadline", async (...row) => {
  const [, isAlive, why] = row;
  using _ = useFakeTimers();
  const { call, cancels } = createCall(true);
  const pulse = createPulse(isAlive);
  const late = rejectionOf(answerInTime(call, { timeoutMs: 1000, lateMs: 500 }, pulse, silence));
  jest.advanceTimersByTime(999);
  expect(pulse.asked).toBe(0);
  jest.advanceTimersByTime(500);
  expect({ asked: pulse.asked, cancels }).toEqual({ asked: 1, cancels: [] });
  jest.advanceTimersByTime(1);
  expect(await late).toMatchObject({ code: "TIMEOUT", message: expect.stringContaining(why) });
  expect(cancels).toHaveLength(1);
});

const REACH = { timeoutMs: 0, connectTimeoutMs: 2000, lateMs: 500 };

test.each([
  ["was not sent", false, 0, 2000, { code: "NO_CHANNEL", message: "nobody there" }],
  [
    "was sent to a silent peer",
    true,
    -1,
    2500,
    { code: "UNKNOWN_OUTCOME", message: "The call was sent, and may still run. nobody there" },
  ],
  ["was sent to a peer that was heard", true, Infinity, undefined, undefined],
])("within its connect timeout a call without a deadline that %s ends so", async (...row) => {
  const [, isSent, heardMs, endMs, expected] = row;
  using _ = useFakeTimers();
  const { call } = createCall(isSent);
  let error: NegotiatorError | undefined;
  answerInTime(call, REACH, { ask: () => undefined, heardMs }, silence).catch((thrown: unknown) => {
    error = NegotiatorError.from(thrown);
  });
  jest.advanceTimersByTime((endMs ?? 100_000) - 1);
  await settle();
  expect(error).toBeUndefined();
  jest.advanceTimersByTime(1);
  await settle();
  if (expected === undefined) expect(error).toBeUndefined();
  else expect(error).toMatchObject(expected);
});

test.each([
  [1000, 2000, 1000],
  [2000, 1000, 1000],
])(
  "under a deadline of %d ms and a connect timeout of %d ms, an unsent call ends after %d ms",
  async (...row) => {
    const [timeoutMs, connectTimeoutMs, endMs] = row;
    using _ = useFakeTimers();
    const { call } = createCall(false);
    const limits = { timeoutMs, connectTimeoutMs };
    const late = rejectionOf(answerInTime(call, limits, createPulse(false), silence));
    jest.advanceTimersByTime(endMs);
    expect(await late).toMatchObject({ code: "NO_CHANNEL" });
  },
);

test("a call without a deadline waits a day for its answer", async () => {
  using _ = useFakeTimers();
  const { call, cancels, resolve, end } = createCall(false);
  const waiting = answerInTime(call, { timeoutMs: 0 }, createPulse(false), silence);
  jest.advanceTimersByTime(24 * 3_600_000);
  resolve(ANSWER);
  end();
  expect(await waiting).toBe(ANSWER);
  expect(cancels).toEqual([]);
});

type Course = { timeoutMs: number; isAlive: boolean; isAwaited: boolean; bytesPerS: number };

/** The seconds from the answer until the call is aborted for missing output; undefined after `mostS`. */
async function secondsUntilAbort(course: Course, mostS: number): Promise<number | undefined> {
  using _ = useFakeTimers();
  const { call, resolve } = createCall(true, course.isAwaited);
  const pulse = createPulse(course.isAlive);
  let error: NegotiatorError | undefined;
  answerInTime(call, { timeoutMs: course.timeoutMs, lateMs: 500 }, pulse, silence).catch(
    (thrown: unknown) => {
      error = NegotiatorError.from(thrown);
    },
  );
  resolve(ANSWER);
  await settle();
  for (let seconds = 1; seconds <= mostS; seconds++) {
    call.receivedBytes += course.bytesPerS;
    jest.advanceTimersByTime(1000);
    await settle();
    if (error === undefined) continue;
    expect(error).toMatchObject({
      code: "TIMEOUT",
      message: expect.stringContaining(
        course.timeoutMs > 0 ? "before all output was there" : "sends no more of its output",
      ),
    });
    return seconds;
  }
  return undefined;
}

const STALLED = { timeoutMs: 0, isAlive: true, isAwaited: true, bytesPerS: 0 };

test.each<[string, Course, number | undefined]>([
  ["a live peer withholds ends the call after 5 s", STALLED, 5],
  ["a live peer sends slowly may take forever without a deadline", { ...STALLED, bytesPerS: 1 }, undefined],
  ["a cut-off peer owes is awaited forever without a deadline", { ...STALLED, isAlive: false }, undefined],
  [
    "our own reader does not take never ends a call without a deadline",
    { ...STALLED, isAwaited: false },
    undefined,
  ],
])("announced output that %s", async (_, course, seconds) => {
  expect(await secondsUntilAbort(course, 100)).toBe(seconds);
});

test.each<[string, Partial<Course>]>([
  ["a live peer sends too slowly", { bytesPerS: 1 }],
  ["a cut-off peer owes", { isAlive: false }],
  ["our own reader does not take", { isAwaited: false }],
])("announced output that %s ends the call half a second after its deadline", async (_, course) => {
  expect(await secondsUntilAbort({ ...STALLED, timeoutMs: 2000, ...course }, 100)).toBe(3);
});

test("a failed call whose output does not come is aborted after 5 s", async () => {
  using _ = useFakeTimers();
  const { call } = createCall(true);
  const failed = { ...call, answer: Promise.reject(silence()) };
  expect(await rejectionOf(answerInTime(failed, { timeoutMs: 0 }, createPulse(true), silence))).toMatchObject(
    {
      code: "NO_CHANNEL",
    },
  );
  jest.advanceTimersByTime(5000);
  expect(await rejectionOf(call.over)).toMatchObject({ code: "TIMEOUT" });
});
