/** Runs the program from its source, as a process of its own. */
import { join } from "node:path";

export const MAIN = join(import.meta.dir, "../../src/main.ts");

export type SourceRun = { exitCode: number; stdout: string; stderr: string };

/** `environment` is all that the process gets beside a search path; `preload` is a module that runs before it. */
export async function runSource(
  words: readonly string[],
  { environment = {}, preload }: { environment?: Record<string, string>; preload?: string } = {},
): Promise<SourceRun> {
  const before = preload === undefined ? [] : ["--preload", preload];
  return runProcess([process.execPath, ...before, MAIN, ...words], environment);
}

/** Runs any command with everything it prints kept; it starts in the root directory and gets no input. */
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
