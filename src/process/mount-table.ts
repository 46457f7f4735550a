/**
 * Walks a path without a step onto a file system that may hang. The kernel's table of mounts says where that
 * is, without a look at the file systems in it.
 */
import { constants, lstatSync, openSync, readlinkSync } from "node:fs";
import type { Stats } from "node:fs";
import { join } from "node:path";
import { isLocal, readMounts } from "../trust/mounts.ts";
import type { MountList } from "../trust/mounts.ts";
import { pollNow } from "./libc.ts";

/** The end of a path without links. `status` is undefined if nothing is there. */
export type LocalPlace = { path: string; status: Stats | undefined };

/**
 * Returns where an absolute path leads. Returns undefined if a step leads onto a file system that another
 * machine or program serves, or is not known: a look at such a place could take forever. Also undefined for
 * a path that this process may not walk. Takes some microseconds for each part of the path.
 */
export function walkLocally(path: string, mounts: MountList = currentMounts()): LocalPlace | undefined {
  if (!isLocal(mounts.find("/"))) return undefined;
  let here = "/";
  let links = 0;
  let status = lookNow(here);
  const names = path.split("/");
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    if (name === "" || name === ".") continue;
    const next = join(here, name);
    // The way to a parent has been walked already.
    if (name !== ".." && !isLocal(mounts.find(next))) return undefined;
    status = lookNow(next);
    if (status === "forbidden") return undefined;
    if (status === undefined) return { path: next, status };
    if (!status.isSymbolicLink()) {
      here = next;
      continue;
    }
    links++;
    if (links > MOST_LINKS) return undefined;
    const target = readlinkSync(next);
    if (target.startsWith("/")) here = "/";
    names.unshift(...target.split("/"));
  }
  return status === "forbidden" ? undefined : { path: here, status };
}

/** The kernel's own limit (path_resolution(7)). */
const MOST_LINKS = 40;

function lookNow(path: string): Stats | undefined | "forbidden" {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return "forbidden";
  }
}

/** poll(2): the table has changed since the last poll of its descriptor (proc(5)). */
const POLLPRI = 2;

let watched: number | undefined;
let current: MountList | undefined;

/**
 * Returns the mounts as they are now, and the same object while nothing changes. The question to the kernel
 * whether they have changed takes 1 µs.
 */
export function currentMounts(): MountList {
  try {
    watched ??= openSync("/proc/self/mountinfo", constants.O_RDONLY);
    const hasChanged = (pollNow(watched, POLLPRI) & POLLPRI) !== 0;
    if (current === undefined || hasChanged) current = readMounts();
    return current;
  } catch {
    // Without the table, no place is known.
    return NONE;
  }
}

const NONE: MountList = readMounts("");
