/** The exit code and the error of a command line, for the result of a remote command. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import type { ExecuteResult } from "../../../src/methods/execute-schemas.ts";
import { exitCodeOf, explainDeadline } from "../../../src/roles/cli/remote-command.ts";

const ENDED: ExecuteResult = { exitCode: null, signal: null, endedBy: "command", durationMs: 1 };

test.each<[Partial<ExecuteResult>, number]>([
  [{ exitCode: 0 }, 0],
  [{ exitCode: 7 }, 7],
  [{ exitCode: 255 }, 255],
  [{ signal: "SIGTERM" }, 143],
  [{ signal: "SIGKILL" }, 137],
  [{ signal: "SIGKILL", endedBy: "cancel" }, 137],
  [{ exitCode: 3, endedBy: "cancel" }, 3],
  [{ signal: "SIGTERM", endedBy: "deadline" }, 124],
  [{ exitCode: 0, endedBy: "deadline" }, 124],
  [{ exitCode: 0, endedBy: "limit" }, 124],
  [{ signal: "SIG34" }, 128 + 34],
  [{ signal: "SIGNONSENSE" }, 125],
  [{ signal: "toString" }, 125],
  [{}, 125],
])("a command that ended with %j gives the exit code %d", (changes, exitCode) => {
  expect(exitCodeOf({ ...ENDED, ...changes })).toBe(exitCode);
});

const OURS = "The command was ended: its deadline of 10 s has passed";

test.each<[Partial<ExecuteResult>, number, string | undefined]>([
  [{ endedBy: "command", durationMs: 11_000 }, 10_000, undefined],
  [{ endedBy: "deadline", durationMs: 10_012 }, 10_000, OURS],
  [{ endedBy: "deadline", durationMs: 1500 }, 10_000, OURS],
  [
    { endedBy: "limit", durationMs: 2004 },
    10_000,
    "The command was ended after 2 s: the other side allows no more time",
  ],
  [
    { endedBy: "limit", durationMs: 2512 },
    0,
    "The command was ended after 2.5 s: the other side allows no more time",
  ],
  [{ endedBy: "deadline", durationMs: 251 }, 250, "The command was ended: its deadline of 0.25 s has passed"],
])(
  "a command that ended with %j under a deadline of %d ms gives the error %p",
  (changes, timeoutMs, message) => {
    expect(explainDeadline({ ...ENDED, ...changes }, timeoutMs)?.message.split("\n")[0]).toBe(message);
  },
);

const MODULE = join(import.meta.dir, "../../../src/roles/cli/remote-command.ts");

/** A command whose result comes before the last of its output. */
const SCRIPT = `
const { waitForCommand } = await import(${JSON.stringify(MODULE)});
async function* late(text) {
  await Bun.sleep(100);
  yield Buffer.from(text);
}
const outcome = await waitForCommand(
  {
    stdin: undefined,
    stdout: Object.assign(late("out"), { isTruncated: false }),
    stderr: Object.assign(late("err"), { isTruncated: false }),
    ended: Promise.resolve({ exitCode: 3, signal: null, endedBy: "command", durationMs: 1 }),
    takesMessages: true,
    isSent: true,
    send() {},
    listen() {},
    cancel() {},
  },
  0,
);
process.exit(outcome.exitCode);`;

test("a command line ends when its output is written, and not before", async () => {
  const child = Bun.spawn([process.execPath, "-e", SCRIPT], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect({ stdout, stderr, exitCode: await child.exited }).toEqual({
    stdout: "out",
    stderr: "err",
    exitCode: 3,
  });
});
