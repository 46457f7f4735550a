/** The promises of a call, and the moment at which it is over. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { createPendingAnswer } from "../../../src/wire/calls/pending-answer.ts";
import { rejectionOf } from "../../support/error-of.ts";

const ERROR = new NegotiatorError("CLOSED", "gone");

/** A pending answer, and how often it was over. */
function createScene() {
  let overCount = 0;
  const pending = createPendingAnswer(() => overCount++);
  return { pending, state: () => [pending.isAnswered, pending.isOver, overCount] };
}

test.each(["setAnswered", "setStreamsEnded"] as const)(
  "a call is over once, after both its answer and its streams, when %s comes first",
  async (first) => {
    const { pending, state } = createScene();
    const second = first === "setAnswered" ? "setStreamsEnded" : "setAnswered";
    pending[first]();
    pending[first]();
    expect(state()).toEqual([false, false, 0]);
    pending[second]();
    pending[second]();
    expect(state()).toEqual([false, true, 1]);
    expect(await pending.over).toBeUndefined();
  },
);

test("an answer that begins is there before its value", async () => {
  const { pending, state } = createScene();
  pending.beginAnswer();
  expect(state()).toEqual([true, false, 0]);
  pending.resolve({ result: 5, streams: {} });
  expect(await pending.answer).toEqual({ result: 5, streams: {} });
});

test("a failed answer lets the streams end in order, and an abort ends both", async () => {
  const failed = createScene();
  failed.pending.reject(ERROR);
  expect(await rejectionOf(failed.pending.answer)).toBe(ERROR);
  expect(failed.state()).toEqual([false, false, 0]);
  failed.pending.setAnswered();
  failed.pending.setStreamsEnded();
  expect(await failed.pending.over).toBeUndefined();

  const aborted = createScene();
  aborted.pending.rejectAll(ERROR);
  expect(aborted.state()).toEqual([true, false, 0]);
  expect(await Promise.all([aborted.pending.answer, aborted.pending.over].map(rejectionOf))).toEqual([
    ERROR,
    ERROR,
  ]);
});
