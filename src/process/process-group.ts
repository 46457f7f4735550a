/**
 * Ends process groups. The members may not be our children, so nothing reports their ends and this file polls
 * /proc. It ignores zombies there: kill(2) counts them, so a group would look alive until its orphans are
 * reaped. It reads without the threads for files: looks at a file system that hangs may hold all of them. The
 * kernel answers reads of `/proc/PID/stat` from its own memory, whatever the process does.
 */
import { readdirSync, readFileSync } from "node:fs";
import { errnoOf } from "../errors.ts";
import { settlesWithin } from "./settling.ts";
import { nextTurn } from "../delay.ts";
import { splitStat } from "../trust/host-process.ts";

/** The process that leads a group of the same number; `exit` resolves when it has ended. */
export type GroupLeader = { pid: number; exit: Promise<unknown> };

/**
 * Sends SIGTERM to the group, and SIGCONT for those that are stopped, and SIGKILL to what is left after
 * `graceMs`. Resolves when the whole group has
 * ended, or two seconds after SIGKILL, because a process that is stuck in the kernel may not end.
 */
export async function endGroup({ pid, exit }: GroupLeader, graceMs: number): Promise<void> {
  const killAt = performance.now() + graceMs;
  signalGroup(pid, "SIGTERM");
  signalGroup(pid, "SIGCONT");
  await settlesWithin(exit, graceMs);
  await waitForGroupEnd(pid, killAt);
  signalGroup(pid, "SIGKILL");
  await settlesWithin(exit, KILL_MS);
  await waitForGroupEnd(pid, performance.now() + KILL_MS);
}

const KILL_MS = 1000;

async function waitForGroupEnd(groupId: number, untilMs: number): Promise<void> {
  for (let pauseMs = 5; signalGroup(groupId, 0) && (await isGroupRunning(groupId)); pauseMs *= 2) {
    const leftMs = untilMs - performance.now();
    if (leftMs <= 0) return;
    await Bun.sleep(Math.min(pauseMs, leftMs, 200));
  }
}

/**
 * Sends a signal to all processes of a group, 0 to none. Returns whether the group has members. The kernel
 * does not reuse a group's number while a member is left, so this cannot hit another group.
 */
export function signalGroup(groupId: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-groupId, signal);
    return true;
  } catch (error) {
    return errnoOf(error) !== "ESRCH";
  }
}

async function isGroupRunning(groupId: number): Promise<boolean> {
  let read = 0;
  for (const name of readdirSync("/proc")) {
    if (!/^[0-9]+$/.test(name)) continue;
    const member = parseStat(readStat(name));
    if (member !== undefined && member.groupId === groupId && !/[ZX]/.test(member.state)) return true;
    read++;
    if (read % READS_PER_TURN === 0) await nextTurn();
  }
  return false;
}

/** About half a millisecond. Others must run meanwhile. */
const READS_PER_TURN = 64;

function parseStat(line: string): { state: string; groupId: number } | undefined {
  const [state, , groupId] = splitStat(line);
  return state === undefined || groupId === undefined ? undefined : { state, groupId: Number(groupId) };
}

function readStat(processId: string): string {
  try {
    return readFileSync(`/proc/${processId}/stat`, "utf8");
  } catch {
    // The process has ended since the directory was read.
    return "";
  }
}
