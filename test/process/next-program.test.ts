/** The program that is to replace a daemon is judged and tried without a wait on the daemon's thread. */
import { expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { findNextProgram, ownFile } from "../../src/process/next-program.ts";
import { rejectionOf } from "../support/error-of.ts";
import { mountHanging, whyNoHangingMount } from "../support/hanging-mount.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const ANSWER = '{"version":"9.9.9","states":{"min":1,"max":2}}';
/** More than a busy machine takes for a turn. The file system hangs for ever. */
const LONGEST_TURN_MS = 20_000;

test("a program that describes itself is found by the path by which it was called", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("next", `#!/bin/sh\necho '${ANSWER}'\n`);
  await chmod(path, 0o755);
  expect(await findNextProgram(path)).toEqual({ path, version: "9.9.9", states: { min: 1, max: 2 } });
});

test.each([
  ["another answer", "#!/bin/sh\necho fine\n", 0o755, "its answer is not that of a negotiator"],
  ["an exit code", "#!/bin/sh\nexit 3\n", 0o755, "it ends with exit code 3"],
  ["a signal", "#!/bin/sh\nkill -KILL $$\n", 0o755, "it ends with a signal"],
  ["too much output", "#!/bin/sh\nhead -c 9999 /dev/zero\n", 0o755, "its answer is not that of a negotiator"],
  ["no execute bit", "#!/bin/sh\n", 0o644, "it has no executable bit"],
])("a program with %s is refused", async (_, text, mode, problem) => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("next", text);
  await chmod(path, mode);
  const error = await rejectionOf(findNextProgram(path));
  expect([error.code, error.message.split("\n")[0]]).toEqual([
    "UNSUPPORTED",
    `Cannot replace the daemon by "${path}": ${problem}`,
  ]);
});

test("a program that others can write is refused", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("next", `#!/bin/sh\necho '${ANSWER}'\n`);
  await chmod(path, 0o777);
  expect(await rejectionOf(findNextProgram(path))).toMatchObject({ code: "DENIED" });
});

test.if(whyNoHangingMount() === undefined)(
  "a program whose file system does not answer is refused, and nothing waits for it",
  async () => {
    await using directory = await createTemporaryDirectory();
    using mount = mountHanging(directory.at("hanging"));
    const delays = monitorEventLoopDelay({ resolution: 5 });
    delays.enable();
    const error = await rejectionOf(findNextProgram(`${mount.path}/negotiator`));
    delays.disable();
    expect(error.message).toStartWith(
      `Cannot replace the daemon by "${mount.path}/negotiator": its file system does not answer\n`,
    );
    expect(delays.max / 1e6).toBeLessThan(LONGEST_TURN_MS);
  },
);

test("our file has its own name also after another one took its place", () => {
  expect(ownFile("/usr/bin/negotiator (deleted)")).toBe("/usr/bin/negotiator");
  expect(ownFile("/usr/bin/negotiator")).toBe("/usr/bin/negotiator");
});
