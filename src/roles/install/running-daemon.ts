/** Finds running daemons of this machine, and waits for one to listen. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import type { Role } from "../../peers/dialect.ts";
import { findForeignNamespace, readProcess } from "../../trust/host-process.ts";
import { dialControl } from "../cli/control-client.ts";

/** A daemon. `isOutdated`: the file of its program was replaced since its start. */
export type RunningDaemon = { pid: number; isOutdated: boolean };

/** Returns the daemons of that role, without those in containers. */
export function findDaemons(role: Role): RunningDaemon[] {
  return rootProcesses().flatMap((pid) => readDaemon(pid, role) ?? []);
}

/** Returns the processes of root. Other users can choose the names and words of theirs. */
export function rootProcesses(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => readProcess(pid)?.uids.every((uid) => uid === 0) === true)
    .filter((pid) => findForeignNamespace(pid) === undefined);
}

/** Returns the names of root's processes. */
export function processNames(): Set<string> {
  const names = new Set<string>();
  for (const pid of rootProcesses()) {
    try {
      names.add(readFileSync(`/proc/${pid}/comm`, "utf8").trimEnd());
    } catch {
      // It has ended meanwhile.
    }
  }
  return names;
}

function readDaemon(pid: number, role: Role): RunningDaemon | undefined {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    const at = words.indexOf(role);
    if (at === -1 || words[at + 1] !== "daemon") return undefined;
    const program = readlinkSync(`/proc/${pid}/exe`);
    if (!basename(program).startsWith("negotiator")) return undefined;
    return { pid, isOutdated: program.endsWith(" (deleted)") };
  } catch {
    // It has ended meanwhile.
    return undefined;
  }
}

/** Resolves to whether a daemon listens at `path` within `timeoutMs`. */
export async function waitForDaemon(role: Role, path: string, timeoutMs: number): Promise<boolean> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    await using session = await dialControl(role, path);
    if (session !== undefined) return true;
    if (performance.now() > until) return false;
    await Bun.sleep(PAUSE_MS);
  }
}

const PAUSE_MS = 100;
