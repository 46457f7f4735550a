/** Reads what `bun test` has printed. Pure. */

/** The numbers of tests. */
export type TestCounts = { passed: number; failed: number };

/** A run of tests that has ended. */
export type TestEnding = { output: string; exitCode: number };

/** The last lines of a failed test say most of it. */
const SHOWN_LINES = 150;

/** Returns the output of each failed test, which ends with the line of its name. */
export function failuresOf(output: string): string[] {
  const failures: string[] = [];
  let lines: string[] = [];
  for (const line of output.split("\n")) {
    if (/^Ran \d+ tests? across /.test(line) || /^\d+ tests? failed:$/.test(line)) break;
    lines.push(line);
    if (line.startsWith("(fail) ")) failures.push(lines.slice(-SHOWN_LINES).join("\n"));
    if (/^\((fail|pass|skip|todo)\) |^\S+\.test\.ts:$/.test(line)) lines = [];
  }
  return failures;
}

/** Counts the tests. A run that was ended early has a failed one. */
export function countTests({ output, exitCode }: TestEnding): TestCounts {
  const count = (word: string): number =>
    Number(new RegExp(`^\\s*(\\d+) ${word}$`, "m").exec(output)?.[1] ?? 0);
  const failed = count("fail");
  // A run that was ended has no failed test, but it must not count as passed.
  const isWhole = exitCode === 0 && /^Ran \d+ tests? across /m.test(output);
  return { passed: count("pass"), failed: isWhole ? failed : Math.max(failed, 1) };
}
