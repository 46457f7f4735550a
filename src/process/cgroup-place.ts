/** Finds the directory of a cgroup in the mounts of this process (cgroups(7), proc_pid_mountinfo(5)). */
import { join } from "node:path";
import { unescapeMount } from "../trust/mounts.ts";

/** A hierarchy of cgroups: `root` is the cgroup that is mounted at `place`. */
export type CgroupMount = { place: string; root: string };

/** Returns the first mount in the text of `mountinfo` whose file system, source and options fit `kind`. */
export function findCgroupMount(mountinfo: string, kind: RegExp): CgroupMount | undefined {
  for (const line of mountinfo.split("\n")) {
    const [left = "", right = ""] = line.split(" - ", 2);
    const [, , , root = "/", place] = left.split(" ");
    if (place !== undefined && kind.test(right))
      return { place: unescapeMount(place), root: unescapeMount(root) };
  }
  return undefined;
}

/** Returns the directory of the cgroup `path`; that of the mount for a cgroup that is not below it. */
export function placeOf(path: string, { place, root }: CgroupMount): string {
  const isBelow = path.startsWith(root === "/" ? "/" : `${root}/`);
  return join(place, isBelow ? path.slice(root.length) : "");
}
