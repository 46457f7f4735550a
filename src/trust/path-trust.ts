/** Checks the directories and links on the way to a path: only trusted users may change them. */
import type { Stats } from "node:fs";
import { join } from "node:path";
import { NegotiatorError } from "../errors.ts";
import { judgeNow } from "./look.ts";
import type { Eyes } from "./look.ts";
import type { TrustFault } from "./ownership.ts";
import { printable } from "../printable.ts";
import { isGroupOf, USER_FILES } from "./users.ts";
import { shellWord } from "../shell-word.ts";

/**
 * Root and the user `uid` are trusted. `groups` decides about directories that a group with other members may
 * write to: `meant` accepts them as the administrator's decision, `own` refuses them.
 */
export type PathTrust = { uid: number; groups: "meant" | "own" };

/**
 * Returns the first unsafe directory or link on the way to `path`, which must be absolute, or undefined.
 *
 * A directory must belong to a trusted user, and others must not be able to write to it. A sticky directory
 * such as /tmp is accepted, because a user cannot replace the entries of others there; its links must belong
 * to a trusted user. The file at the end is not checked, unless it is a directory. Throws the errors of
 * `lstat`, and `BAD_CONFIG` for too many links.
 *
 * `realpath` would show only where the links end, and an unsafe link can point to a safe place. So each link
 * is checked.
 */
export function findPathFault(path: string, trust: PathTrust): TrustFault | undefined {
  const fault = judgeNow((eyes) => judgePath(path, trust, eyes));
  if (fault !== "absent") return fault;
  throw Object.assign(new Error(`ENOENT: no such file or directory, lstat '${path}'`), { code: "ENOENT" });
}

/**
 * Does what `findPathFault` does, as a judgement that looks through `eyes`. Returns `absent` if a part of the
 * path is missing: most machines have only one directory of commands, and an exception would cost each call
 * more than the looks.
 */
export function judgePath(path: string, trust: PathTrust, eyes: Eyes): TrustFault | "absent" | undefined {
  // The first name is empty and stands for "/".
  const names = path.split("/");
  let place = "/";
  let links = 0;
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    const next = join(place, name);
    const status = eyes.statusOf(next);
    if (status === undefined) return "absent";
    if (status.isSymbolicLink()) {
      links++;
      if (links > MOST_LINKS) throw tooManyLinks(path);
      if (!isTrusted(status.uid, trust)) return foreignOwner(next, status.uid);
      const target = eyes.linkTextOf(next);
      if (target.startsWith("/")) place = "/";
      names.unshift(...target.split("/"));
      continue;
    }
    if (!status.isDirectory()) return undefined;
    const fault = judgeDirectory(next, status, trust, eyes);
    if (fault !== undefined) return fault;
    place = next;
  }
  return undefined;
}

/** The kernel's own limit (path_resolution(7)). */
const MOST_LINKS = 40;
const STICKY = 0o1000;
const WRITABLE_BY_GROUP = 0o020;
const WRITABLE_BY_ALL = 0o002;
const PUBLIC_PROBLEM = "can be replaced by others";

function judgeDirectory(
  directory: string,
  status: Stats,
  trust: PathTrust,
  eyes: Eyes,
): TrustFault | undefined {
  const { uid, gid, mode } = status;
  if (!isTrusted(uid, trust)) return foreignOwner(directory, uid);
  if ((mode & STICKY) !== 0) return undefined;
  const shown = printable(directory);
  if ((mode & WRITABLE_BY_ALL) !== 0) {
    return {
      problem: `everybody may write to "${shown}"`,
      publicProblem: PUBLIC_PROBLEM,
      remedy: `Correct it with: chmod o-w ${shellWord(directory)}`,
    };
  }
  if ((mode & WRITABLE_BY_GROUP) === 0 || trust.groups === "meant") return undefined;
  // The members of the group count too.
  for (const file of USER_FILES) eyes.targetStatusOf(file);
  if (isGroupOf(gid, trust.uid)) return undefined;
  return {
    problem: `group ${gid} may write to "${shown}", and others may be in it`,
    publicProblem: PUBLIC_PROBLEM,
    remedy: `Correct it with: chmod g-w ${shellWord(directory)}`,
  };
}

function foreignOwner(path: string, owner: number): TrustFault {
  const shown = printable(path);
  return {
    problem: `"${shown}" belongs to user ${owner}`,
    publicProblem: PUBLIC_PROBLEM,
    remedy: `Use another place, or give it to root: chown -h root: ${shellWord(path)}`,
  };
}

function isTrusted(owner: number, { uid }: PathTrust): boolean {
  return owner === 0 || owner === uid;
}

function tooManyLinks(path: string): NegotiatorError {
  const problem = `it leads through more than ${MOST_LINKS} symbolic links`;
  return new NegotiatorError("BAD_CONFIG", `Cannot use "${printable(path)}": ${problem}`);
}
