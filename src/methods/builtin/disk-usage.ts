/** `find-disk-usage`: lists the disks that `df -B 1` shows, without df. */
import { readFile, realpath, stat, statfs } from "node:fs/promises";

/** A mounted disk. */
export type Disk = { device: string; mountPoint: string; totalBytes: number; usedBytes: number };

/** The source of the facts. `deviceAt` and `usageOf` return undefined for an unreadable mount point. */
export type DiskSource = {
  /** Returns the text of /proc/self/mountinfo (proc(5)). */
  mountinfo(): Promise<string>;
  /** Returns the device number `MAJOR:MINOR` that stat(2) sees at a mount point. */
  deviceAt(mountPoint: string): Promise<string | undefined>;
  usageOf(mountPoint: string): Promise<{ totalBytes: number; freeBytes: number } | undefined>;
  /** Returns the target of a link, for device names that udev makes. */
  resolve(device: string): Promise<string>;
};

/** Returns one line for each disk: device, mount point, total and used bytes, with blanks between. */
export function formatDiskUsage(disks: readonly Disk[]): string {
  return disks
    .map(({ device, mountPoint, totalBytes, usedBytes }) =>
      [maskControls(device), maskControls(mountPoint), totalBytes, usedBytes].join(" "),
    )
    .map((line) => `${line}\n`)
    .join("");
}

/** Returns the mounts whose device is a path below /dev, each device once, in the order of mounting. */
export async function readDisks(source: DiskSource = SYSTEM): Promise<Disk[]> {
  const mounts = parseMountinfo(await source.mountinfo());
  const disks: Disk[] = [];
  for (const mount of await chooseMounts(mounts, source)) {
    if (!isDisk(mount) || !mount.mountPoint.startsWith("/")) continue;
    const usage = await source.usageOf(mount.mountPoint);
    if (usage === undefined || usage.totalBytes === 0) continue;
    const { totalBytes, freeBytes } = usage;
    disks.push({
      device: ENDS_IN_UUID.test(mount.device) ? await source.resolve(mount.device) : mount.device,
      mountPoint: mount.mountPoint,
      totalBytes,
      usedBytes: totalBytes - freeBytes,
    });
  }
  return disks;
}

type Mount = { number: string; root: string; mountPoint: string; device: string };

function parseMountinfo(text: string): Mount[] {
  return text.split("\n").flatMap((line) => {
    const [left = "", right = ""] = line.split(" - ", 2);
    const [, , number, root, mountPoint] = left.split(" ");
    const [type = "", device] = right.split(" ");
    // A user's program stands behind it, and may never answer. It can name any device.
    if (/^fuse(?:\.|blk|$)/.test(type)) return [];
    if (number === undefined || root === undefined || mountPoint === undefined || device === undefined)
      return [];
    return [{ number, root: unescape(root), mountPoint: unescape(mountPoint), device: unescape(device) }];
  });
}

/** The kernel writes blanks, line ends and backslashes as octal digits (fs/proc_namespace.c). */
function unescape(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/**
 * Chooses one mount for each device number like df (filter_mount_list in coreutils' df.c). Only disks are
 * read, because a network file system could hang.
 */
async function chooseMounts(mounts: readonly Mount[], source: DiskSource): Promise<Mount[]> {
  const chosen = new Map<string, Mount>();
  for (const mount of mounts) {
    const seen = isDisk(mount) ? await source.deviceAt(mount.mountPoint) : undefined;
    const number = seen ?? mount.number;
    const rival = chosen.get(number);
    if (rival === undefined || beats(mount, rival)) chosen.set(number, mount);
  }
  return [...chosen.values()];
}

function beats(mount: Mount, rival: Mount): boolean {
  if (mount.device.includes("/") && !rival.device.includes("/")) return true;
  const isNearer = mount.mountPoint.length < rival.mountPoint.length;
  if (isNearer && mount.root.length <= rival.root.length) return true;
  return mount.device !== rival.device && mount.mountPoint === rival.mountPoint;
}

function isDisk({ device }: Mount): boolean {
  return device.startsWith("/dev/");
}

const ENDS_IN_UUID = /.[0-9a-f-]{36}$/i;

/** The name of a mount point must not forge a line. df does the same if its output is not a terminal. */
function maskControls(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  return text.replace(/[\u0000-\u001f\u007f]/g, "?");
}

const SYSTEM: DiskSource = {
  mountinfo: () => readFile("/proc/self/mountinfo", "utf8"),
  deviceAt: (mountPoint) => unlessHidden(async () => formatDeviceNumber((await stat(mountPoint)).dev)),
  usageOf: (mountPoint) =>
    unlessHidden(async () => {
      const { frsize, blocks, bfree } = await statfs(mountPoint);
      return { totalBytes: blocks * frsize, freeBytes: bfree * frsize };
    }),
  resolve: async (device) => (await unlessHidden(() => realpath(device))) ?? device,
};

async function unlessHidden<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch {
    return undefined;
  }
}

/** Formats a device number of stat(2) as `MAJOR:MINOR` (gnu_dev_major and gnu_dev_minor in glibc). */
function formatDeviceNumber(dev: number): string {
  const number = BigInt(dev);
  const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & ~0xfffn);
  const minor = (number & 0xffn) | ((number >> 12n) & ~0xffn & 0xffff_ffffn);
  return `${major}:${minor}`;
}
