/** The mounted file systems that are on a block device. */
import { readFile, stat } from "node:fs/promises";

/** A mounted file system. `device` is `MAJOR:MINOR` of its block device. */
export type BlockMount = { path: string; type: string; device: string };

/** Returns one mount for each device, the newest first. Source: proc_pid_mountinfo(5). */
export async function listBlockMounts(path = "/proc/self/mountinfo"): Promise<BlockMount[]> {
  const lines = (await readFile(path, "utf8")).split("\n").filter((line) => line !== "");
  const mounts: BlockMount[] = [];
  const seen = new Set<string>();
  for (const line of lines) {
    const mount = await parseMount(line);
    if (mount === undefined || seen.has(mount.device)) continue;
    seen.add(mount.device);
    mounts.push(mount);
  }
  return mounts.reverse();
}

async function parseMount(line: string): Promise<BlockMount | undefined> {
  const [before = "", after = ""] = line.split(" - ", 2);
  const [, , number = "", , place = ""] = before.split(" ");
  const [type = "", source = ""] = after.split(" ");
  // btrfs has a number that is not a device's, and names one of its devices.
  const device = number.startsWith("0:") && type === "btrfs" ? await deviceAt(unquote(source)) : number;
  if (device === undefined || device.startsWith("0:")) return undefined;
  return { path: unquote(place), type, device };
}

async function deviceAt(path: string): Promise<string | undefined> {
  const facts = await stat(path).catch(() => undefined);
  return facts?.isBlockDevice() === true ? formatDeviceNumber(facts.rdev) : undefined;
}

/** Returns `MAJOR:MINOR` of the number of a device, of up to 32 bits. Source: makedev(3). */
export function formatDeviceNumber(rdev: number): string {
  const major = (rdev >>> 8) & 0xfff;
  const minor = (rdev & 0xff) | ((rdev >>> 12) & 0xfff00);
  return `${major}:${minor}`;
}

/** The kernel writes spaces and line ends as octal numbers. */
function unquote(text: string): string {
  return text.replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
