/** Which processes have a file or device open, as /proc shows it. */
import { readdir, readFile, readlink, realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

/** `command` is the kernel's short name of the process; `unit` the systemd service it belongs to, if any. */
export type Holder = { pid: number; command: string; unit?: string };

/**
 * The processes that have `path` open, under any name of the same device. Processes that may not be looked into are left
 * out, so an empty list proves nothing unless root asks. Source: proc(5), `/proc/PID/fd`.
 */
export async function findHolders(path: string, procDirectory = "/proc"): Promise<Holder[]> {
  const target = await describeTarget(path);
  const entries = await readdir(procDirectory).catch(() => []);
  const holders: Holder[] = [];
  for (const entry of entries.filter((name) => /^\d+$/.test(name))) {
    const directory = join(procDirectory, entry);
    if (await holds(directory, target)) holders.push(await describeProcess(Number(entry), directory));
  }
  return holders;
}

/** `device` is the device number of a device node; two nodes with the same number are the same port. */
type Target = { path: string; directory: string; device: number | undefined };

async function describeTarget(path: string): Promise<Target> {
  const real = await realpath(path).catch(() => path);
  const facts = await stat(real).catch(() => undefined);
  const device = facts?.isCharacterDevice() === true ? facts.rdev : undefined;
  return { path: real, directory: `${dirname(real)}/`, device };
}

async function holds(processDirectory: string, target: Target): Promise<boolean> {
  const descriptors = await readdir(join(processDirectory, "fd")).catch(() => []);
  for (const descriptor of descriptors) {
    const link = join(processDirectory, "fd", descriptor);
    const opened = await readlink(link).catch(() => "");
    if (opened === target.path) return true;
    // Only nodes next to it are looked at: a stat of just any open file can hang, for example on a dead NFS server.
    if (target.device === undefined || !opened.startsWith(target.directory)) continue;
    const facts = await stat(link).catch(() => undefined);
    if (facts?.isCharacterDevice() === true && facts.rdev === target.device) return true;
  }
  return false;
}

async function describeProcess(pid: number, directory: string): Promise<Holder> {
  const command = await readFile(join(directory, "comm"), "utf8").catch(() => "?");
  const groups = await readFile(join(directory, "cgroup"), "utf8").catch(() => "");
  const unit = /\/([^/\n]+\.service)$/m.exec(groups)?.[1];
  return { pid, command: command.trimEnd(), ...(unit === undefined ? {} : { unit }) };
}
