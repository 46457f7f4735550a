/** The deadline of a command line. */
import { expect, jest, test } from "bun:test";
import { LATE_MS } from "../../../src/delay.ts";
import { deadlinePassed, startOwnClock } from "../../../src/roles/cli/own-deadline.ts";
import { useFakeTimers } from "../../support/fake-timers.ts";

test("the clock passes a moment after the deadline; never without one, and never once disposed", async () => {
  using _ = useFakeTimers();
  const passed: number[] = [];
  const clocks = [1000, 0, 1000].map((leftMs, index) => {
    const clock = startOwnClock(leftMs);
    void clock.passed.then(() => passed.push(index));
    return clock;
  });
  clocks[2]?.[Symbol.dispose]();
  const countAfter = async (ms: number): Promise<number[]> => {
    jest.advanceTimersByTime(ms);
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    return [...passed];
  };
  expect(await countAfter(999 + LATE_MS.last)).toEqual([]);
  expect(await countAfter(1)).toEqual([0]);
  expect(await countAfter(1_000_000)).toEqual([0]);
});

test.each([
  [[], "The deadline of 1.5 s has passed, and the other side does not say how the call ended"],
  [
    ["stdout"],
    "The deadline of 1.5 s has passed, and the reader of our stdout takes no more output\n" +
      "The rest of the output is lost: read it, or send it to a file",
  ],
  [
    ["stdout", "stderr"],
    "The deadline of 1.5 s has passed, and the readers of our stdout and stderr take no more output\n" +
      "The rest of the output is lost: read it, or send it to a file",
  ],
])("the error with blocked streams %j names them", (blocked, message) => {
  expect(deadlinePassed(1500, blocked)).toMatchObject({ code: "TIMEOUT", message });
});
