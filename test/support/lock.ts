/** Owns the one lock between test processes: held through flock(1), so the kernel lets go of it when its holder dies. */
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";

/** Waits for the lock file at `path` (made if absent) and holds it during `work`. Not reentrant. Throws where flock(1) is missing. */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  // The child says that it has the lock, then lives until its stdin closes: after the work, or with this process.
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
