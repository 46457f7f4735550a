/**
 * Collects ended children that this process did not start. Process 1 adopts those that its commands leave
 * behind, and a shell that became this process by `exec` may have left some. Each is collected by its process
 * id, because a wait for any child would take the exit codes of our commands.
 */
import { readdirSync, readFileSync } from "node:fs";
import { splitStat } from "../trust/host-process.ts";
import { reapChild } from "./libc.ts";

const started = new Set<number>();

/** Takes a child whose exit code Bun collects. */
export function rememberChild(pid: number): void {
  started.add(pid);
}

/** Bun has collected this child. */
export function forgetChild(pid: number): void {
  started.delete(pid);
}

/** The threads of this process, each with its children if the kernel lists them (CONFIG_PROC_CHILDREN). */
const THREADS = "/proc/self/task";

/**
 * Collects all ended children but those that were remembered. Does nothing without a free descriptor: the
 * next look will find them. `threads` is another directory in tests.
 */
export function reapOrphans(threads = THREADS): void {
  for (const pid of listChildren(threads) ?? []) {
    if (!started.has(pid) && isZombie(pid)) reapChild(pid);
  }
}

/** Source: proc(5), `/proc/PID/task/TID/children`. Without it, the parents are in `/proc/PID/stat`. */
function listChildren(threads: string): number[] | undefined {
  try {
    return readdirSync(threads).flatMap((thread) => {
      const text = readFileSync(`${threads}/${thread}/children`, "utf8");
      return text.split(" ").filter(Boolean).map(Number);
    });
  } catch {
    return listAmongAll();
  }
}

function listAmongAll(): number[] | undefined {
  try {
    const processes = readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name));
    return processes.map(Number).filter((pid) => readStat(pid)?.parent === process.pid);
  } catch {
    return undefined;
  }
}

function isZombie(pid: number): boolean {
  return readStat(pid)?.state === "Z";
}

function readStat(pid: number): { state: string; parent: number } | undefined {
  try {
    const [state = "", parent] = splitStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}
