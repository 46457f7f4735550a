/**
 * Knows the mounts of this machine, and walks a path without a step onto a file system that may hang. The
 * kernel's table of mounts is read without a look at the file systems in it.
 */
import { constants, lstatSync, openSync, readFileSync, readlinkSync } from "node:fs";
import type { Stats } from "node:fs";
import { join } from "node:path";
import { pollNow } from "./libc.ts";

/** The end of a path without links. `status` is undefined if nothing is there. */
export type LocalPlace = { path: string; status: Stats | undefined };

/**
 * Returns where an absolute path leads. Returns undefined if a step leads onto a file system that another
 * machine or program serves, or is not known: a look at such a place could take forever. Also undefined for
 * a path that this process may not walk. Takes about 2 µs for each part of the path.
 */
export function walkLocally(path: string, mounts: MountTable = currentMounts()): LocalPlace | undefined {
  const top = mounts.above(undefined, "/");
  if (top?.isLocal !== true) return undefined;
  const way: { path: string; mount: Mount }[] = [{ path: "/", mount: top }];
  const names = path.split("/");
  let links = 0;
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    const here = way.at(-1) ?? { path: "/", mount: top };
    if (name === "" || name === ".") continue;
    if (name === "..") {
      if (way.length > 1) way.pop();
      continue;
    }
    const next = join(here.path, name);
    const mount = mounts.above(here.mount, next);
    if (!mount.isLocal) return undefined;
    const status = lookNow(next);
    if (status === "forbidden") return undefined;
    if (status?.isSymbolicLink() === true) {
      links++;
      if (links > MOST_LINKS) return undefined;
      const target = readlinkSync(next);
      if (target.startsWith("/")) way.length = 1;
      names.unshift(...target.split("/"));
      continue;
    }
    if (status === undefined) return { path: next, status };
    way.push({ path: next, mount });
  }
  const end = way.at(-1)?.path ?? "/";
  const status = lookNow(end);
  return status === "forbidden" ? undefined : { path: end, status };
}

/** One mount. `isLocal`: this machine's own kernel and disks serve it. */
type Mount = { id: string; isLocal: boolean };

/** The mounts at one moment. */
export type MountTable = {
  /** Returns the mount that is seen at `path`, which was reached on the mount `from`. */
  above(from: Mount, path: string): Mount;
  /** Returns the mount of the root directory. */
  above(from: undefined, path: "/"): Mount | undefined;
};

/** Parses the text of `/proc/self/mountinfo` (proc(5)). */
export function parseMounts(text: string): MountTable {
  const children = new Map<string, Mount>();
  let root: Mount | undefined;
  for (const line of text.split("\n")) {
    const [left = "", right = ""] = line.split(" - ", 2);
    const [id, parent, , , place] = left.split(" ");
    if (id === undefined || parent === undefined || place === undefined) continue;
    const mount = { id, isLocal: LOCAL_TYPES.has(right.split(" ", 1)[0] ?? "") };
    const mountPoint = unescapeMount(place);
    // The first mount at "/" is below all others there.
    if (mountPoint === "/" && root === undefined) root = mount;
    children.set(keyOf(parent, mountPoint), mount);
  }
  const climb = (from: Mount, path: string): Mount => {
    let mount = from;
    for (let step = 0; step < MOST_STACKED; step++) {
      const over = children.get(keyOf(mount.id, path));
      if (over === undefined || over.id === mount.id) return mount;
      mount = over;
    }
    return mount;
  };
  function above(from: Mount, path: string): Mount;
  function above(from: undefined, path: "/"): Mount | undefined;
  function above(from: Mount | undefined, path: string): Mount | undefined {
    const start = from ?? root;
    return start === undefined ? undefined : climb(start, path);
  }
  return { above };
}

/** Returns a field of `/proc/self/mountinfo` without the octal digits of blanks and its like. */
export function unescapeMount(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** The kernel's own limit (path_resolution(7)). */
const MOST_LINKS = 40;
const MOST_STACKED = 1000;

/** Names of file systems that answer from this machine's memory or disks. */
const LOCAL_TYPES: ReadonlySet<string> = new Set(
  (
    "ext2 ext3 ext4 xfs btrfs f2fs bcachefs zfs jfs nilfs2 reiserfs ubifs jffs2 " +
    "tmpfs ramfs rootfs devtmpfs overlay squashfs erofs iso9660"
  ).split(" "),
);

/** A mount point has no NUL. */
function keyOf(parent: string, path: string): string {
  return `${parent}\0${path}`;
}

function lookNow(path: string): Stats | undefined | "forbidden" {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return "forbidden";
  }
}

const MOUNTINFO = "/proc/self/mountinfo";
/** poll(2): the table has changed since the last poll of its descriptor (proc(5)). */
const POLLPRI = 2;

let watched: number | undefined;
let current: MountTable | undefined;

/**
 * Returns the mounts as they are now, and the same object while nothing changes. The question to the kernel
 * whether they have changed takes 1 µs.
 */
export function currentMounts(): MountTable {
  try {
    watched ??= openSync(MOUNTINFO, constants.O_RDONLY);
    const hasChanged = (pollNow(watched, POLLPRI) & POLLPRI) !== 0;
    if (current === undefined || hasChanged) current = parseMounts(readFileSync(MOUNTINFO, "utf8"));
    return current;
  } catch {
    // Without the table, no place is known.
    return parseMounts("");
  }
}
