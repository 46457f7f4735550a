/** Leaves nothing behind when the user stops the bench. */
import { globSync, readFileSync, rmSync } from "node:fs";

/** Puts all temporary files into the directory. A signal kills our children and removes the directory. */
export function cleanUpWhenStopped(directory: string): void {
  process.env["TMPDIR"] = directory;
  const stop = (_signal: string, number: number): never => {
    for (const pid of childrenOf(process.pid)) process.kill(pid, "SIGKILL");
    rmSync(directory, { recursive: true, force: true });
    process.exit(128 + number);
  };
  process.once("SIGINT", stop).once("SIGTERM", stop);
}

/** Source: proc_tid_children(5). An ended child stays a zombie, so no other process has its number. */
function childrenOf(pid: number): number[] {
  return globSync(`/proc/${pid}/task/*/children`).flatMap((path) =>
    readFileSync(path, "utf8").split(" ").filter(Boolean).map(Number),
  );
}
