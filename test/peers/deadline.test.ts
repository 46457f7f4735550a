/** The caller's own watch over a deadline. */
import { expect, jest, test } from "bun:test";
import { NegotiatorError } from "../../src/errors.ts";
import { answerInTime } from "../../src/peers/deadline.ts";
import type { Answer, OutgoingCall } from "../../src/wire/outgoing-call.ts";
import { rejectionOf } from "../support/error-of.ts";

const ANSWER: Answer = { result: "done", streams: {} };
const silence = (): NegotiatorError => new NegotiatorError("NO_CHANNEL", "nobody there");

/** Somebody who is heard all the time, or never again. */
function createPulse(isAlive: boolean) {
  const pulse = { asked: 0, ask: () => void pulse.asked++, heardMs: isAlive ? Infinity : 0 };
  return pulse;
}

function noStream(): never {
  throw new Error("no streams");
}

function createCall(isSent: boolean) {
  const { promise: answer, resolve } = Promise.withResolvers<Answer>();
  const cancels: (string | undefined)[] = [];
  const call: OutgoingCall = {
    id: "c1",
    isSent,
    answer,
    reader: noStream,
    writer: noStream,
    cancel: (reason) => void cancels.push(reason),
    giveUp: () => undefined,
  };
  return { call, cancels, resolve };
}

test("an answer in time is the answer", async () => {
  const { call, cancels, resolve } = createCall(true);
  const waiting = answerInTime(call, 60_000, createPulse(true), silence);
  resolve(ANSWER);
  expect(await waiting).toBe(ANSWER);
  expect(cancels).toEqual([]);
});

test("a call that was not sent by its deadline fails with the explanation, and is cancelled", async () => {
  const { call, cancels } = createCall(false);
  const error = await rejectionOf(answerInTime(call, 10, createPulse(true), silence));
  expect(error).toMatchObject({ code: "NO_CHANNEL", message: "nobody there" });
  expect(cancels).toEqual(["nobody there"]);
});

test.each([
  ["waits long for the word of one that lives", true, 16_000, "It answers, but not this"],
  ["waits a little for one that is silent", false, 6000, "nobody there"],
])("a call that was sent %s, but not for ever", async (_, isAlive, endMs, why) => {
  jest.useFakeTimers();
  try {
    const { call, cancels } = createCall(true);
    const pulse = createPulse(isAlive);
    const late = rejectionOf(answerInTime(call, 1000, pulse, silence));
    jest.advanceTimersByTime(999);
    expect(pulse.asked).toBe(0);
    jest.advanceTimersByTime(endMs - 1000);
    expect({ asked: pulse.asked, cancels }).toEqual({ asked: 1, cancels: [] });
    jest.advanceTimersByTime(1);
    expect(await late).toMatchObject({ code: "TIMEOUT", message: expect.stringContaining(why) });
    expect(cancels).toHaveLength(1);
  } finally {
    jest.useRealTimers();
  }
});

test("without a deadline nobody watches", () => {
  const { call } = createCall(false);
  expect(answerInTime(call, 0, createPulse(false), silence)).toBe(call.answer);
});
