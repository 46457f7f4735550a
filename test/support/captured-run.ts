/** Runs a command with everything it prints kept in memory. */
import { run } from "../../src/process/run.ts";
import type { RunOptions, RunResult } from "../../src/process/run.ts";
import type { ByteSink } from "../../src/process/pump.ts";

export type CapturedRun = { result: RunResult; stdout: string; stderr: string };

/** A sink that keeps what it gets, and tells who waits for some text in it. */
export type CapturingSink = ByteSink & {
  text(): string;
  /** Resolves once the text so far contains `part`. */
  contains(part: string): Promise<void>;
};

export function createCapturingSink(): CapturingSink {
  const pieces: Uint8Array[] = [];
  const waiting = new Map<() => void, string>();
  const text = (): string => Buffer.concat(pieces).toString("latin1");
  return {
    text,
    async write(bytes) {
      pieces.push(bytes);
      for (const [resolve, part] of waiting) if (text().includes(part)) resolve();
    },
    async contains(part) {
      if (text().includes(part)) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.set(resolve, part);
      await promise;
    },
  };
}

/** `script` is run by `/bin/sh -c`, with `args` as its parameters. Output is given as one character a byte. */
export async function runScript(
  script: string,
  options: Partial<RunOptions> & { args?: readonly string[] } = {},
): Promise<CapturedRun> {
  const stdout = createCapturingSink();
  const stderr = createCapturingSink();
  const { args = [], ...rest } = options;
  const result = await run({
    argv: ["/bin/sh", "-c", script, "script", ...args],
    env: { PATH: "/usr/bin:/bin" },
    cwd: "/",
    stdin: null,
    stdout,
    stderr,
    ...rest,
  });
  return { result, stdout: stdout.text(), stderr: stderr.text() };
}

/** Ends one process that a test's command left running, by its id, when the test is over. */
export function endLater(pid: number): Disposable {
  if (!Number.isSafeInteger(pid) || pid <= 1)
    throw new Error(`Cannot end process "${pid}": not a process id`);
  return { [Symbol.dispose]: () => process.kill(pid, "SIGKILL") };
}

/** The process ids in a group, those that have ended left out. */
export async function listGroup(groupId: number): Promise<number[]> {
  const { stdout } = await runScript("ps -eo pid=,pgid=,stat=");
  return stdout.split("\n").flatMap((line) => {
    const [pid, group, state = ""] = line.trim().split(/\s+/);
    return Number(group) === groupId && !/^[ZX]/.test(state) ? [Number(pid)] : [];
  });
}
