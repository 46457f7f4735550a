import { expect, test } from "bun:test";
import { countTests, failuresOf } from "../../scripts/test-output.ts";

const OUTPUT = `test/a.test.ts:
(pass) one [0.10ms]
error: expect(received).toBe(expected)
Expected: 1
(fail) two [3.00ms]

test/b.test.ts:
(pass) three

1 tests failed:
(fail) two [3.00ms]

 2 pass
 1 fail
Ran 3 tests across 2 files. [1.00s]
`;

test("a run with a failed test gives its numbers, and what the failed test printed, once", () => {
  expect(countTests({ output: OUTPUT, exitCode: 1 })).toEqual({ passed: 2, failed: 1 });
  expect(failuresOf(OUTPUT)).toEqual([
    "error: expect(received).toBe(expected)\nExpected: 1\n(fail) two [3.00ms]",
  ]);
});

test("a run that was ended early counts as one failed test", () => {
  const output = OUTPUT.slice(0, OUTPUT.indexOf("error:"));
  expect(countTests({ output, exitCode: 137 })).toEqual({ passed: 0, failed: 1 });
  expect(failuresOf(output)).toEqual([]);
});

test("a step that does not exist is refused, and the steps are named", async () => {
  const child = Bun.spawn([process.execPath, `${import.meta.dir}/../../scripts/verify.ts`, "no such step"], {
    stderr: "pipe",
  });
  expect([await child.exited, await child.stderr.text()]).toEqual([
    2,
    'verify: no step "no such step"; the steps are: format, types, lint, dead code, tests\n',
  ]);
});
