/** The lock on changes of a machine: who waits for whom, for how long, and what is said about it. */
import { expect, test } from "bun:test";
import { chmod, stat } from "node:fs/promises";
import { lockMachine } from "../../src/process/machine-lock.ts";
import { rejectionOf } from "../support/error-of.ts";
import { spyOnOutput } from "../support/spied-output.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

test("a second process waits with one line until the first gives the lock back", async () => {
  await using directory = await createTemporaryDirectory();
  const options = {
    name: "channels",
    work: "add-channel",
    waitMs: 60_000,
    directory: directory.path,
  } as const;
  const { stderr, stdout } = await spyOnOutput(async () => {
    const first = await lockMachine(options);
    let hasSecond = false;
    const second = lockMachine({ ...options, work: "remove-channel" }).then((lock) => {
      hasSecond = true;
      return lock;
    });
    using _ = await lockMachine({ ...options, name: "install" });
    expect(hasSecond).toBe(false);
    first[Symbol.dispose]();
    (await second)[Symbol.dispose]();
  });
  expect(stdout).toBe("");
  expect(stderr).toBe(
    `Waiting up to 60 s for another add-channel (process ${process.pid}) to end; Ctrl-C stops\n`,
  );
  expect((await stat(directory.at("negotiator-channels.lock"))).mode & 0o777).toBe(0o600);
});

test("the wait ends with who holds the lock and what to do", async () => {
  await using directory = await createTemporaryDirectory();
  const options = { name: "install", work: "guest install", waitMs: 0, directory: directory.path } as const;
  using _ = await lockMachine(options);
  await spyOnOutput(async () => {
    expect(await rejectionOf(lockMachine(options))).toMatchObject({
      code: "BUSY",
      message:
        `Waited 0 s in vain for another guest install (process ${process.pid}) to end\n` +
        "Wait for its end, or stop it, and then repeat this",
    });
  });
});

test("a lock file that others may open is refused, because they could hold the lock", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("negotiator-fix.lock", "");
  await chmod(path, 0o644);
  const options = { name: "fix", work: "doctor --fix", directory: directory.path } as const;
  expect(await rejectionOf(lockMachine(options))).toMatchObject({
    code: "DENIED",
    message: `Cannot take the lock "${path}": others may open it\nRemove it: rm ${path}`,
  });
});

test("without room for the lock file, the change goes on", async () => {
  const options = { name: "install", work: "guest install", directory: "/nowhere" } as const;
  using lock = await lockMachine(options);
  expect(lock).toBeDefined();
});
