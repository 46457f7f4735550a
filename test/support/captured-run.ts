/** Runs commands and captures their output in memory. */
import { run } from "../../src/process/run.ts";
import type { RunOptions, RunResult } from "../../src/process/run.ts";
import type { ByteSink } from "../../src/process/pump.ts";

/** A result with the output, one character for each byte. */
export type CapturedRun = { result: RunResult; stdout: string; stderr: string };

/** A sink that keeps all bytes, and can wait for a text in them. */
export type CapturingSink = ByteSink & {
  /** All bytes so far, one character for each. */
  text(): string;
  /** Resolves once the text so far contains `part`. */
  contains(part: string): Promise<void>;
};

/** Creates an empty sink that never makes the writer wait. */
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

/** Runs `script` by `/bin/sh -c`, with `args` as its parameters, and waits for its end. */
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

/** On disposal, kills the process with that id, which a test's command left running. */
export function endLater(pid: number): Disposable {
  if (!Number.isSafeInteger(pid) || pid <= 1)
    throw new Error(`Cannot end process "${pid}": not a process id`);
  return {
    [Symbol.dispose]() {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended.
      }
    },
  };
}

/** Returns the ids of the running processes in a process group. */
export async function listGroup(groupId: number): Promise<number[]> {
  const { stdout } = await runScript("ps -eo pid=,pgid=,stat=");
  return stdout.split("\n").flatMap((line) => {
    const [pid, group, state = ""] = line.trim().split(/\s+/);
    return Number(group) === groupId && !/^[ZX]/.test(state) ? [Number(pid)] : [];
  });
}
