/** From how a remote command ended to our exit code. What it does with streams is in the tests of `execute`. */
import { expect, test } from "bun:test";
import { exitCodeOf } from "../../src/roles/remote-command.ts";

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
])("%j gives %d", (changes, exitCode) => {
  expect(exitCodeOf({ ...ENDED, ...changes })).toBe(exitCode);
});
