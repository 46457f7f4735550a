/** When a call is over. */
import { expect, test } from "bun:test";
import { createCompletion } from "../../../src/wire/calls/completion.ts";
import { cancelled, cancelReason } from "../../../src/wire/calls/cancelled.ts";
import { NegotiatorError } from "../../../src/errors.ts";

test.each([
  ["the answer first", ["setAnswered", "setStreamsEnded"]],
  ["the streams first", ["setStreamsEnded", "setAnswered"]],
] as const)("a call is over once, after both conditions, with %s", (_, order) => {
  let ends = 0;
  const completion = createCompletion(() => void ends++);
  const [first, second] = order;
  completion[first]();
  completion[first]();
  expect(ends).toBe(0);
  completion[second]();
  expect(ends).toBe(1);
  completion[first]();
  completion[second]();
  expect(ends).toBe(1);
});

test("the reason of a cancelled call is passed on, and the message of another error", () => {
  expect(cancelled("enough")).toMatchObject({
    code: "CANCELLED",
    message: "The call was cancelled: enough",
    data: { reason: "enough" },
  });
  expect(cancelReason(cancelled())).toBe("the caller cancelled it");
  expect(cancelReason(new NegotiatorError("CLOSED", "gone"))).toBe("gone");
  expect(cancelReason(new NegotiatorError("CLOSED", "gone", { data: { reason: 1 } }))).toBe("gone");
});
