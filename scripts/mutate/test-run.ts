/** Runs the type checker, and tests until the first one fails. */
import type { TreeCopy } from "./tree-copy.ts";

/** How a run of tests ended: all passed, one failed, or the time limit came first. */
export type TestRun =
  | { outcome: "passed" }
  /** `file` is undefined if the run ended before it reached a test. */
  | { outcome: "failed"; file: string | undefined; title: string }
  | { outcome: "time limit" };

/** Runs of a copy. */
export type Runner = {
  /** Whether the type checker accepts the copy. Names that are no longer used are accepted. */
  isTyped: () => Promise<boolean>;
  /** Runs test files until the first failure. */
  test: (files: readonly string[]) => Promise<TestRun>;
};

/** Limits of time: for each test, for each run, and what each file of a run adds. */
export type RunLimits = { testMs: number; runMs: number; fileMs: number };

/** A test that waits for something that a fault takes away fails after `testMs`. */
const LIMITS: RunLimits = { testMs: 30_000, runMs: 90_000, fileMs: 15_000 };

/** Returns a runner for a copy of the tree. Tests get its place for temporary files. */
export function createRunner(
  { root, temporary }: Pick<TreeCopy, "root" | "temporary">,
  { testMs, runMs, fileMs } = LIMITS,
): Runner {
  const place = { cwd: root, env: { ...process.env, TMPDIR: temporary } };
  return {
    async isTyped() {
      const relaxed = ["--noUnusedLocals", "false", "--noUnusedParameters", "false"];
      return (await run(["check", "--no-script", ...relaxed], place, runMs)).exitCode === 0;
    },
    async test(files) {
      const words = ["test", "--bail", "--no-orphans", "--timeout", `${testMs}`];
      const paths = files.map((file) => `./${file}`);
      const { exitCode, output } = await run([...words, ...paths], place, runMs + files.length * fileMs);
      if (exitCode === undefined) return { outcome: "time limit" };
      return exitCode === 0 ? { outcome: "passed" } : { outcome: "failed", ...readFailure(output) };
    },
  };
}

/** Returns the first failed test in the output of `bun test`, and its file. */
export function readFailure(output: string): { file: string | undefined; title: string } {
  let file: string | undefined;
  for (const line of output.split("\n")) {
    const [, header] = /^(test\/\S+\.test\.ts):$/.exec(line) ?? [];
    file = header ?? file;
    const [, title] = /^\(fail\) (.*?)(?: \[[\d.]+ms\])?$/.exec(line) ?? [];
    if (title !== undefined) return { file, title };
  }
  const [error = "the run ends without a failed test"] = /^error: .*$/m.exec(output) ?? [];
  return { file, title: error };
}

/** Runs Bun in a process group that ends with the run. `exitCode` is undefined after the time limit. */
async function run(
  words: readonly string[],
  place: { cwd: string; env: Record<string, string | undefined> },
  limitMs: number,
): Promise<{ exitCode: number | undefined; output: string }> {
  const child = Bun.spawn([process.execPath, ...words], {
    ...place,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    detached: true,
  });
  let isLate = false;
  const end = (): void => {
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // The group has ended.
    }
  };
  const timer = setTimeout(() => {
    isLate = true;
    end();
  }, limitMs);
  const texts = Promise.all([child.stdout.text(), child.stderr.text()]);
  const exitCode = await child.exited;
  clearTimeout(timer);
  // A daemon that a failed test left behind would hold the output open.
  end();
  return { exitCode: isLate ? undefined : exitCode, output: (await texts).join("\n") };
}
