/**
 * Owns a process namespace for tests: programs in it see only each other. A daemon that looks for QEMU
 * processes would else find those of tests that run at the same time, and connect to their guests.
 */
import { runProcess } from "./program-run.ts";
import { until } from "./until.ts";

/** Disposal kills all programs in it. */
export type ProcessRoom = AsyncDisposable & {
  /** The words before those of a program that runs in it. */
  readonly inside: readonly string[];
};

/** Needs root. */
export async function startProcessRoom(): Promise<ProcessRoom> {
  const words = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "sleep", "infinity"];
  const child = Bun.spawn(words, { stdin: "ignore", stdout: "ignore", stderr: "inherit" });
  const first = await until("the first process of the namespace runs", async () => {
    if (child.exitCode !== null) throw new Error(`unshare ended with exit code ${child.exitCode}`);
    const { stdout } = await runProcess(["ps", "-o", "pid=,comm=", "--ppid", String(child.pid)]);
    return /(\d+) sleep\n/.exec(stdout)?.[1];
  });
  return {
    inside: ["nsenter", `--target=${first}`, "--pid", "--mount", "--wdns=/"],
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}
