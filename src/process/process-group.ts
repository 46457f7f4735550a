/** Looks into /proc for the processes of a group. */
import { readdir, readFile } from "node:fs/promises";

/**
 * Whether a process of the group still runs. Zombies do not count: kill(2) meets them too, and where nobody reaps
 * orphans quickly a finished group would look alive to it.
 */
export async function isGroupRunning(groupId: number): Promise<boolean> {
  for (const name of await readdir("/proc")) {
    if (!/^[0-9]+$/.test(name)) continue;
    const member = parseStat(await readStat(name));
    if (member !== undefined && member.groupId === groupId && !/[ZX]/.test(member.state)) return true;
  }
  return false;
}

/** State and process group from a line of /proc/PID/stat (proc(5)); the name before them may contain anything. */
function parseStat(line: string): { state: string; groupId: number } | undefined {
  const [state, , groupId] = line.slice(line.lastIndexOf(")") + 2).split(" ");
  return state === undefined || groupId === undefined ? undefined : { state, groupId: Number(groupId) };
}

async function readStat(processId: string): Promise<string> {
  try {
    return await readFile(`/proc/${processId}/stat`, "utf8");
  } catch {
    // It ended since the directory was read.
    return "";
  }
}
