/** The end of a daemon that waits for something without an answer. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { runProcess } from "../../support/program-run.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const SOURCE = join(import.meta.dir, "../../../src/roles/daemon/last-end.ts");

test("a process ends in time with its exit code, although all threads for files wait", async () => {
  await using directory = await createTemporaryDirectory();
  const pipe = directory.at("pipe");
  await runProcess(["mkfifo", pipe]);
  // Opening a pipe without a writer takes a thread for ever.
  const script = await directory.write(
    "script.ts",
    `import { open, rm } from "node:fs/promises";
import { endAtLatest } from ${JSON.stringify(SOURCE)};
for (let count = 0; count < 64; count++) void open(${JSON.stringify(pipe)});
endAtLatest(3, 200);
await rm("/nonexistent", { force: true });
console.log("a thread was free");
`,
  );
  const ended = await runProcess([process.execPath, script], { PATH: "/usr/bin:/bin" });
  expect(ended).toMatchObject({
    exitCode: 3,
    stdout: "",
    stderr: expect.stringContaining("Something does not answer"),
  });
});
