/** Reads how much room for results of asynchronous requests the kernel has given to a process. */
import { readFileSync } from "node:fs";

/** Returns the bytes of the first ring that the kernel has mapped into the process, 0 without one. */
export function ringBytes(pid: number): number {
  const maps = readFileSync(`/proc/${pid}/maps`, "utf8");
  const [, start = "0", end = "0"] = /^(\w+)-(\w+) .*\[aio\]/m.exec(maps) ?? [];
  return Number.parseInt(end, 16) - Number.parseInt(start, 16);
}
