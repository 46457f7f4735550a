/** Reads figures of a running process from `/proc` (proc(5)). */
import { readFile, writeFile } from "node:fs/promises";

/** Memory in KiB: `rss` of all mapped pages that are present, `anonymous` of those without a file. */
export type MemoryFigures = { rss: number; anonymous: number };

/** The memory of a process now. */
export async function readMemory(pid: number): Promise<MemoryFigures> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  return { rss: kibOf(text, "Rss"), anonymous: kibOf(text, "Anonymous") };
}

/** Makes the peak of a process equal to its present memory. Returns that in KiB. */
export async function resetPeak(pid: number): Promise<number> {
  await writeFile(`/proc/${pid}/clear_refs`, "5");
  return readPeak(pid);
}

/** The largest memory of a process since its start or since `resetPeak`, in KiB. */
export async function readPeak(pid: number): Promise<number> {
  return kibOf(await readFile(`/proc/${pid}/status`, "utf8"), "VmHWM");
}

/** The processor time of a process so far, in seconds. */
export async function readProcessorSeconds(pid: number): Promise<number> {
  return addTicks(pid, 2);
}

/** The same with that of its children that have ended. */
export async function readFamilySeconds(pid: number): Promise<number> {
  return addTicks(pid, 4);
}

/** Nanoseconds of a process's first thread: on a processor, and waiting for one while it could run. */
export type ThreadTimes = { ranNs: number; waitedNs: number };

/** The times of a process's first thread so far; zeros on a kernel without schedstat(5). */
export async function readThreadTimes(pid: number): Promise<ThreadTimes> {
  const text = await readFile(`/proc/${pid}/schedstat`, "utf8").catch(() => "0 0");
  const [ranNs = 0, waitedNs = 0] = text.split(" ").map(Number);
  return { ranNs, waitedNs };
}

/** User and system time are fields 14 and 15, and those of the children come after them. */
async function addTicks(pid: number, count: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8");
  // The name of the program may have spaces.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 11 + count).reduce((sum, field) => sum + Number(field), 0) / TICKS_PER_SECOND;
}

/** USER_HZ, which is 100 on all architectures of ours. */
const TICKS_PER_SECOND = 100;

function kibOf(text: string, name: string): number {
  const kib = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1];
  if (kib === undefined) throw new Error(`/proc has no figure "${name}"`);
  return Number(kib);
}
