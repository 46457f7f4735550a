/** Whether a place in the file system is safe: nobody but those who are trusted can put something else there. */
import { lstatSync, readlinkSync } from "node:fs";
import type { Stats } from "node:fs";
import { join } from "node:path";
import { NegotiatorError } from "../errors.ts";
import type { OwnershipFault } from "./ownership.ts";
import { printable } from "../printable.ts";
import { isGroupOf } from "./users.ts";

/**
 * Root is always trusted, and so is `uid`. `groups`: whether directories may be writable for a group that has other
 * members: `meant` takes it as the administrator's will, `own` does not.
 */
export type PathTrust = { uid: number; groups: "meant" | "own" };

/**
 * The first thing on the way to `path`, which is absolute, that is not safe; undefined when there is none. Each directory
 * on it, and on the way of each symbolic link, has to belong to somebody trusted and be writable for nobody else,
 * except with the sticky bit, as /tmp: there nobody can replace another's entry, so links have to be a trusted one's. What
 * the path leads to is looked at only if it is a directory. Throws what `lstat` does.
 *
 * The way is walked link by link, as `realpath` shows only where it ends: somebody may lead it to another safe place.
 */
export function findPathFault(path: string, trust: PathTrust): OwnershipFault | undefined {
  // The first name is empty: it stands for "/".
  const names = path.split("/");
  let place = "/";
  let links = 0;
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    const next = join(place, name);
    const status = lstatSync(next);
    if (status.isSymbolicLink()) {
      links++;
      if (links > MOST_LINKS) throw endless(path);
      if (!isTrusted(status.uid, trust)) return foreign(next, status.uid);
      const target = readlinkSync(next);
      if (target.startsWith("/")) place = "/";
      names.unshift(...target.split("/"));
      continue;
    }
    if (!status.isDirectory()) return undefined;
    const fault = judgeDirectory(next, status, trust);
    if (fault !== undefined) return fault;
    place = next;
  }
  return undefined;
}

/** As the kernel (path_resolution(7)). */
const MOST_LINKS = 40;
const STICKY = 0o1000;
const WRITABLE_FOR_GROUP = 0o020;
const WRITABLE_FOR_ALL = 0o002;
const BRIEF = "can be replaced by others";

function judgeDirectory(directory: string, status: Stats, trust: PathTrust): OwnershipFault | undefined {
  const { uid, gid, mode } = status;
  if (!isTrusted(uid, trust)) return foreign(directory, uid);
  if ((mode & STICKY) !== 0) return undefined;
  const shown = printable(directory);
  if ((mode & WRITABLE_FOR_ALL) !== 0) {
    return {
      problem: `everybody may write to "${shown}"`,
      brief: BRIEF,
      remedy: `Correct it with: chmod o-w ${shown}`,
    };
  }
  if ((mode & WRITABLE_FOR_GROUP) === 0 || trust.groups === "meant" || isGroupOf(gid, trust.uid)) {
    return undefined;
  }
  return {
    problem: `group ${gid} may write to "${shown}", and others may be in it`,
    brief: BRIEF,
    remedy: `Correct it with: chmod g-w ${shown}`,
  };
}

function foreign(path: string, owner: number): OwnershipFault {
  const shown = printable(path);
  return {
    problem: `"${shown}" belongs to user ${owner}`,
    brief: BRIEF,
    remedy: `Use a place of root's, or give it to root: chown -h root: ${shown}`,
  };
}

function isTrusted(owner: number, { uid }: PathTrust): boolean {
  return owner === 0 || owner === uid;
}

function endless(path: string): NegotiatorError {
  const problem = `it leads through more than ${MOST_LINKS} symbolic links`;
  return new NegotiatorError("BAD_CONFIG", `Cannot use "${printable(path)}": ${problem}`);
}
