/** Runs the program from its source as a process. */
import { join } from "node:path";

/** The path of the program's entry. */
export const MAIN = join(import.meta.dir, "../../src/main.ts");

/** The exit code and output of a run. */
export type SourceRun = { exitCode: number; stdout: string; stderr: string };

/**
 * Runs the source. `environment` is its whole environment besides PATH; `preload` is a module that runs
 * first.
 */
export async function runSource(
  words: readonly string[],
  { environment = {}, preload }: { environment?: Record<string, string>; preload?: string } = {},
): Promise<SourceRun> {
  const before = preload === undefined ? [] : ["--preload", preload];
  return runProcess([process.execPath, ...before, MAIN, ...words], environment);
}

/** Runs any command in the root directory without input, and returns its output. */
export async function runProcess(
  argv: readonly string[],
  environment: Record<string, string> = {},
): Promise<SourceRun> {
  await using child = Bun.spawn([...argv], {
    cwd: "/",
    env: { PATH: "/usr/bin:/bin", ...environment },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { exitCode, stdout, stderr };
}
