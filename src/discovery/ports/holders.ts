/** Finds the processes that have a file or device open. */
import { readdir, readFile, readlink, realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { showBytes } from "../../strict/utf8.ts";

/** A process. `command` is the kernel's short name for it; `unit` is its systemd service, if it has one. */
export type Holder = { pid: number; command: string; unit?: string };

/**
 * Returns the processes that have `path` open, under any name of the same device. Only root sees the
 * processes of all users, so for others an empty list proves nothing. Source: proc(5), `/proc/PID/fd`.
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

/** `device` is the number of a device node: nodes with the same number are the same port. */
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
    // A stat can hang, for example on a dead NFS server, so this checks only nodes in the same directory.
    if (target.device === undefined || !opened.startsWith(target.directory)) continue;
    const facts = await stat(link).catch(() => undefined);
    if (facts?.isCharacterDevice() === true && facts.rdev === target.device) return true;
  }
  return false;
}

async function describeProcess(pid: number, directory: string): Promise<Holder> {
  // The kernel cuts the name at 15 bytes, perhaps inside a character.
  const command = await readFile(join(directory, "comm")).then(showBytes, () => "?");
  const groups = await readFile(join(directory, "cgroup"), "utf8").catch(() => "");
  const unit = /\/([^/\n]+\.service)$/m.exec(groups)?.[1];
  return { pid, command: command.trimEnd(), ...(unit === undefined ? {} : { unit }) };
}
