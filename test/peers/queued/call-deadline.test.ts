/** The deadline of a call whose dialect cannot carry one, and the time for reaching its peer. */
import { expect, jest, test } from "bun:test";
import { createCallDeadline } from "../../../src/peers/queued/call-deadline.ts";
import type { CallDeadline } from "../../../src/peers/queued/call-deadline.ts";
import { useFakeTimers } from "../../support/fake-timers.ts";

const LIMITS = { timeoutMs: 0, connectTimeoutMs: 2000, life: new AbortController().signal, label: "old one" };

/** The code and first line of the error after so many milliseconds; undefined while the call may go on. */
function errorAfter(ms: number, act: (deadline: CallDeadline) => void, timeoutMs = 0): unknown[] | undefined {
  using _ = useFakeTimers();
  using deadline = createCallDeadline({ ...LIMITS, timeoutMs });
  act(deadline);
  jest.advanceTimersByTime(ms);
  const { aborted, reason } = deadline.signal;
  return aborted ? [reason.code, reason.message.split("\n")[0]] : undefined;
}

test.each<[string, number, (deadline: CallDeadline) => void]>([
  ["waits for its turn", 100_000, () => undefined],
  ["is being connected", 1999, (deadline) => deadline.connect()],
  [
    "was taken by its peer",
    100_000,
    (deadline) => {
      deadline.connect();
      deadline.start();
    },
  ],
  [
    "was handed over",
    100_000,
    (deadline) => {
      deadline.connect();
      deadline.handOver();
    },
  ],
])("a call without a deadline that %s goes on after %d ms", (_, ms, act) => {
  expect(errorAfter(ms, act)).toBeUndefined();
});

test("a call whose peer does not show itself ends with NO_CHANNEL after the connect timeout", () => {
  expect(errorAfter(2000, (deadline) => deadline.connect())).toEqual([
    "NO_CHANNEL",
    "The peer (old one) does not answer within 2 s: it was not called",
  ]);
});

test("a deadline before the connect timeout ends the call with TIMEOUT", () => {
  expect(errorAfter(3000, (deadline) => deadline.connect(), 1000)?.[0]).toBe("TIMEOUT");
});
