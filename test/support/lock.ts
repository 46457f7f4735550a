/** Owns the lock between test processes. It uses flock(1), so the kernel releases it when the holder dies. */
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Locks the file at `path`, created if missing, during `work`. Not reentrant. Throws if flock(1) is missing.
 */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  // The child prints a line when it has the lock, and ends when its stdin closes: after `work`, or with this
  // process.
  const holder = Bun.spawn(["flock", path, "sh", "-c", "echo held; exec cat"], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const { done } = await holder.stdout.getReader().read();
  if (done) {
    throw new Error(`Cannot lock "${path}": flock ended with exit code ${await holder.exited}`);
  }
  try {
    return await work();
  } finally {
    await holder.stdin.end();
    await holder.exited;
  }
}
