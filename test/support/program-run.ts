/** Runs the program to its end, as a process. */
import { join } from "node:path";
import { hostBinary } from "./binary.ts";

/** The path of the program's source. */
export const MAIN = join(import.meta.dir, "../../src/main.ts");

/** The exit code and output of a run. */
export type ProgramRun = { exitCode: number; stdout: string; stderr: string };

/**
 * Runs the compiled program, or its source if there is a `preload`: a module that runs first. `environment`
 * is its whole environment besides PATH.
 */
export async function runProgram(
  words: readonly string[],
  { environment = {}, preload }: { environment?: Record<string, string>; preload?: string } = {},
): Promise<ProgramRun> {
  const program =
    preload === undefined ? [await hostBinary()] : [process.execPath, "--preload", preload, MAIN];
  return runProcess([...program, ...words], environment);
}

/** Runs any command in the root directory without input, and returns its output. */
export async function runProcess(
  argv: readonly string[],
  environment: Record<string, string> = {},
): Promise<ProgramRun> {
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
