/** The exit code and the error of a command line, for the result of a remote command. */
import { expect, test } from "bun:test";
import { exitCodeOf, explainDeadline } from "../../../src/roles/cli/remote-command.ts";

const ENDED = { exitCode: null, signal: null, timedOut: false, cancelled: false, durationMs: 1 };

test.each([
  [{ exitCode: 0 }, 0],
  [{ exitCode: 7 }, 7],
  [{ exitCode: 255 }, 255],
  [{ signal: "SIGTERM" }, 143],
  [{ signal: "SIGKILL" }, 137],
  [{ signal: "SIGKILL", cancelled: true }, 137],
  [{ exitCode: 3, cancelled: true }, 3],
  [{ signal: "SIGTERM", timedOut: true }, 124],
  [{ exitCode: 0, timedOut: true }, 124],
  [{ signal: "SIG34" }, 128 + 34],
  [{ signal: "SIGNONSENSE" }, 125],
  [{ signal: "toString" }, 125],
  [{}, 125],
])("a command that ended with %j gives the exit code %d", (changes, exitCode) => {
  expect(exitCodeOf({ ...ENDED, ...changes })).toBe(exitCode);
});

const OURS = "The command was ended: its deadline of 10 s has passed";

test.each([
  [{ timedOut: false, durationMs: 11_000 }, 10_000, undefined],
  [{ timedOut: true, durationMs: 10_012 }, 10_000, OURS],
  [{ timedOut: true, durationMs: 9999 }, 10_000, OURS],
  [{ timedOut: true, durationMs: 15_003 }, 10_000, OURS],
  [
    { timedOut: true, durationMs: 2004 },
    10_000,
    "The command was ended after 2 s: the other side allows no more time",
  ],
  [
    { timedOut: true, durationMs: 2512 },
    0,
    "The command was ended after 2.5 s: the other side allows no more time",
  ],
  [{ timedOut: true, durationMs: 251 }, 250, "The command was ended: its deadline of 0.25 s has passed"],
])(
  "a command that ended with %j under a deadline of %d ms gives the error %p",
  (changes, timeoutMs, message) => {
    expect(
      explainDeadline({ ...ENDED, ...changes }, { timeoutMs, givenMs: timeoutMs })?.message.split("\n")[0],
    ).toBe(message);
  },
);

test("a command that used its remaining 1.5 s of a 6 s deadline is ended by that deadline", () => {
  const ended = { ...ENDED, timedOut: true, durationMs: 1500 };
  expect(explainDeadline(ended, { timeoutMs: 6000, givenMs: 1500 })?.message).toContain("deadline of 6 s");
});
