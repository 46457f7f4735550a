/**
 * The mounts of this process: on which file system a path is, without a look at the path, which might hang.
 */
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { printable } from "../printable.ts";
import { shellWord } from "../shell-word.ts";
import type { TrustFault } from "./ownership.ts";

/** A line of /proc/self/mountinfo (proc_pid_mountinfo(5)); `place` is where it is mounted. */
export type Mount = {
  id: string;
  parent: string;
  place: string;
  options: readonly string[];
  type: string;
  superOptions: readonly string[];
};

/** Finds mounts. */
export type MountList = {
  /** Returns the mount that the absolute path `path` without links is on; undefined if it is not listed. */
  find: (path: string) => Mount | undefined;
};

/** Returns the mounts as they are now. `text` is the file's content; tests pass another one. */
export function readMounts(text: string = readFileSync(MOUNT_FILE, "utf8")): MountList {
  const mounts = text.split("\n").flatMap((line) => parseMount(line) ?? []);
  const ids = new Set(mounts.map(({ id }) => id));
  const inside = new Map(mounts.filter(({ id, parent }) => id !== parent).map((one) => [keyOf(one), one]));
  const root = mounts.find(({ id, parent, place }) => place === "/" && (id === parent || !ids.has(parent)));
  const uppermost = (below: Mount, place: string): Mount => {
    let mount = below;
    for (
      let next: Mount | undefined = below;
      next !== undefined;
      next = inside.get(keyOf({ parent: mount.id, place }))
    )
      mount = next;
    return mount;
  };
  // A judgement asks for the same paths and their parents again and again.
  const known = new Map<string, Mount | undefined>();
  const find = (path: string): Mount | undefined => {
    if (known.has(path)) return known.get(path);
    const above = path === "/" ? root : find(dirname(path));
    const mount = above === undefined ? undefined : uppermost(above, path);
    known.set(path, mount);
    return mount;
  };
  return { find };
}

/** Returns whether a look at the mount answers at once. */
export function isLocal(mount: Mount | undefined): boolean {
  return mount !== undefined && LOCAL_TYPES.has(mount.type);
}

/**
 * Returns whether owner and mode say all about who may write. On these, a POSIX access list that lets more
 * users write shows as a group that may write (acl(5)). Others have lists of which the mode shows nothing.
 */
export function showsAllInMode(mount: Mount | undefined): boolean {
  return mount !== undefined && LOCAL_TYPES.has(mount.type) && mount.type !== "zfs";
}

/** Returns why the owners that a mount shows prove nothing to us, if we are the user `uid`. */
export function findMountFault(mount: Mount | undefined, uid: number): TrustFault | undefined {
  if (mount === undefined) return undefined;
  const shown = printable(mount.place);
  const remedy = `Use another place, or see who mounted it: findmnt ${shellWord(mount.place)}`;
  const publicProblem = "is on a mount whose owners prove nothing";
  if (/^fuse(?:blk|\.|$)/.test(mount.type)) {
    const mounter = mount.superOptions
      .find((option) => option.startsWith("user_id="))
      ?.slice("user_id=".length);
    if (mounter !== "0" && mounter !== String(uid)) {
      const who = mounter === undefined ? "another user" : `user ${mounter}`;
      return { problem: `${who} mounted "${shown}", and decides what is in it`, publicProblem, remedy };
    }
  }
  // The root of a container may be such a mount, and then nothing inside of it has other owners.
  if (mount.options.includes("idmapped") && mount.place !== "/")
    return {
      problem: `the mount at "${shown}" shows other owners than its files have`,
      publicProblem,
      remedy,
    };
  return undefined;
}

const MOUNT_FILE = "/proc/self/mountinfo";

/** They answer at once, and change the ctime with every change. Names are those of /proc/filesystems. */
const LOCAL_TYPES = new Set(
  "ext2 ext3 ext4 xfs btrfs f2fs bcachefs zfs tmpfs devtmpfs ramfs rootfs overlay squashfs erofs".split(" "),
);

function parseMount(line: string): Mount | undefined {
  const [before = "", after] = line.split(" - ");
  const [id, parent, , , place, options] = before.split(" ");
  if (after === undefined || id === undefined || parent === undefined || place === undefined)
    return undefined;
  const [type = "", , superOptions = ""] = after.split(" ");
  return {
    id,
    parent,
    place: unescapeMount(place),
    options: (options ?? "").split(","),
    type,
    superOptions: superOptions.split(","),
  };
}

/** Returns a field of that file: blanks, tabs, line ends and backslashes are octal there. */
export function unescapeMount(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

function keyOf({ parent, place }: Pick<Mount, "parent" | "place">): string {
  return `${parent}\0${place}`;
}
