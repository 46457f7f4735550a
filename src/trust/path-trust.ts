/** Checks the directories and links on the way to a path, and files: only trusted users may change them. */
import type { Stats } from "node:fs";
import { join } from "node:path";
import { NegotiatorError } from "../errors.ts";
import { findListFault } from "./list-fault.ts";
import { createEyes } from "./look.ts";
import type { Eyes, Looks } from "./look.ts";
import { findMountFault } from "./mounts.ts";
import { findOwnershipFault } from "./ownership.ts";
import type { TrustFault } from "./ownership.ts";
import { printable } from "../printable.ts";
import { shellWord } from "../shell-word.ts";
import { askGroup } from "./system-question.ts";

/**
 * Root and the user `uid` are trusted. `groups` decides about directories that a group with other members may
 * write to: `meant` accepts them as the administrator's decision, `own` refuses them.
 */
export type PathTrust = { uid: number; groups: "meant" | "own" };

/**
 * Where a path leads. `fault` is the first one on the way. `place` is the path without links, and `status`
 * what is there; undefined for nothing. `isOpen`: others may put something there, as in /tmp.
 */
export type Way = {
  fault: TrustFault | undefined;
  place: string;
  status: Stats | undefined;
  isOpen: boolean;
};

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
  const { fault, status } = judgeNow((eyes) => judgePath(path, trust, eyes));
  if (fault !== undefined || status !== undefined) return fault;
  throw Object.assign(new Error(`ENOENT: no such file or directory, lstat '${path}'`), { code: "ENOENT" });
}

/**
 * Returns a verdict on files of this program's configuration. Waits for their file systems, and for a child
 * if a group may write to a directory; a daemon gives other `looks`.
 */
export function judgeNow<Verdict>(judgement: (eyes: Eyes) => Verdict, looks: Looks = WAITING): Verdict {
  return judgement(createEyes(looks));
}

const WAITING: Looks = { groupOf: askGroup, onlyLocal: false };

/** Does what `findPathFault` does, with looks through `eyes`, and says where the path leads. */
export function judgePath(path: string, trust: PathTrust, eyes: Eyes): Way {
  // The first name is empty and stands for "/".
  const names = path.split("/");
  let place = "/";
  let links = 0;
  let isOpen = false;
  /** The link that leads here, if one does. */
  let link: string | undefined;
  let fault: TrustFault | undefined;
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    const next = join(place, name);
    const status = eyes.statusOf(next);
    if (status?.isSymbolicLink() === true) {
      links++;
      if (links > MOST_LINKS) throw tooManyLinks(path);
      if (!isTrusted(status.uid, trust)) fault ??= foreignOwner(next, status.uid);
      const target = eyes.linkTextOf(next);
      link = next;
      if (target.startsWith("/")) place = "/";
      names.unshift(...target.split("/"));
      continue;
    }
    if (status?.isDirectory() !== true) {
      const isEnd = !names.some((left) => left !== "" && left !== ".");
      return { fault, place: next, status: isEnd ? status : undefined, isOpen };
    }
    fault ??= judgeDirectory({ directory: next, link }, status, trust, eyes);
    isOpen = (status.mode & STICKY) !== 0 && (status.mode & (WRITABLE_BY_ALL | WRITABLE_BY_GROUP)) !== 0;
    place = next;
  }
  return { fault, place, status: eyes.statusOf(place), isOpen };
}

/** Returns the fault of a file at a place without links: others could write it. */
export function judgeFile(place: string, status: Stats, uid: number, eyes: Eyes): TrustFault | undefined {
  const mount = eyes.mountOf(place);
  return (
    findMountFault(mount, uid) ??
    findOwnershipFault(status, uid, place) ??
    findListFault({ place, status, mount, trust: { uid, groups: "own" } }, eyes)
  );
}

/** The kernel's own limit (path_resolution(7)). */
const MOST_LINKS = 40;
const STICKY = 0o1000;
const WRITABLE_BY_GROUP = 0o020;
const WRITABLE_BY_ALL = 0o002;
const PUBLIC_PROBLEM = "can be replaced by others";

function judgeDirectory(
  { directory, link }: { directory: string; link: string | undefined },
  status: Stats,
  trust: PathTrust,
  eyes: Eyes,
): TrustFault | undefined {
  const mount = eyes.mountOf(directory);
  const mountFault = findMountFault(mount, trust.uid);
  if (mountFault !== undefined) return mountFault;
  if (!isTrusted(status.uid, trust)) return foreignOwner(directory, status.uid, link);
  if ((status.mode & STICKY) !== 0) return undefined;
  if ((status.mode & WRITABLE_BY_ALL) !== 0) {
    return {
      problem: `everybody may write to "${printable(directory)}"`,
      publicProblem: PUBLIC_PROBLEM,
      remedy: `Correct it with: chmod o-w ${shellWord(directory)}`,
    };
  }
  return findListFault({ place: directory, status, mount, trust }, eyes);
}

/** `link` leads to the path: then the path may be a user's own place, and the link is what is wrong. */
function foreignOwner(path: string, owner: number, link?: string): TrustFault {
  const problem = `"${printable(path)}" belongs to user ${owner}`;
  if (link !== undefined)
    return {
      problem: `${problem}, and the link "${printable(link)}" leads there`,
      publicProblem: PUBLIC_PROBLEM,
      remedy: `Use a place of root in its stead. Remove the link: rm ${shellWord(link)}`,
    };
  return {
    problem,
    publicProblem: PUBLIC_PROBLEM,
    remedy: `Use another place, or give it to root: chown -h root: ${shellWord(path)}`,
  };
}

function isTrusted(owner: number, { uid }: PathTrust): boolean {
  return owner === 0 || owner === uid;
}

function tooManyLinks(path: string): NegotiatorError {
  const problem = `it leads through more than ${MOST_LINKS} symbolic links`;
  // The name that open(2) gives it.
  const cause = Object.assign(new Error("ELOOP"), { code: "ELOOP" });
  return new NegotiatorError("BAD_CONFIG", `Cannot use "${printable(path)}": ${problem}`, { cause });
}
