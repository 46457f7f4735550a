/** Runs of tests in a copy: passed, failed, or ended by the time limit. */
import { expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { createRunner, readFailure } from "../../../scripts/mutate/test-run.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const TEST = 'import { expect, test } from "bun:test";\n';

/** A copy with one test file. */
async function createCopy(body: string) {
  const directory = await createTemporaryDirectory();
  await directory.write("tree/test/x.test.ts", `${TEST}${body}\n`);
  await mkdir(directory.at("t"));
  const limits = { testMs: 5000, runMs: 20_000, fileMs: 0 };
  const runner = (runMs = limits.runMs) =>
    createRunner({ root: directory.at("tree"), temporary: directory.at("t") }, { ...limits, runMs });
  return { runner, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}

test("tests that pass give passed, and have the temporary directory of the copy", async () => {
  await using copy = await createCopy('test("a", () => expect(process.env["TMPDIR"]).toEndWith("/t"));');
  expect(await copy.runner().test(["test/x.test.ts"])).toEqual({ outcome: "passed" });
});

test("a test that fails gives its file and title", async () => {
  await using copy = await createCopy('test("a [b] title", () => expect(1).toBe(2));');
  expect(await copy.runner().test(["test/x.test.ts"])).toEqual({
    outcome: "failed",
    file: "test/x.test.ts",
    title: "a [b] title",
  });
});

test("a test that never gives the event loop back ends by the time limit", async () => {
  await using copy = await createCopy('test("a", () => { for (;;) {} });');
  expect(await copy.runner(1500).test(["test/x.test.ts"])).toEqual({ outcome: "time limit" });
});

test.each([
  [
    "test/a.test.ts:\n(pass) one\n\ntest/b.test.ts:\n(pass) two [1.00ms]\n(fail) three [0.20ms]\n",
    { file: "test/b.test.ts", title: "three" },
  ],
  ["test/a.test.ts:\n(fail) (x) [y]\n", { file: "test/a.test.ts", title: "(x) [y]" }],
  [
    "test/a.test.ts:\nerror: Cannot find module\n",
    { file: "test/a.test.ts", title: "error: Cannot find module" },
  ],
  ["", { file: undefined, title: "the run ends without a failed test" }],
])("the output %j has the failure %j", (output, failure) => {
  expect(readFailure(output)).toEqual(failure);
});
