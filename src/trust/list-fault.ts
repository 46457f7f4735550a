/** Checks groups and access lists: who may write besides the owner and everybody. */
import type { Stats } from "node:fs";
import { printable } from "../printable.ts";
import { shellWord } from "../shell-word.ts";
import { NFS4_LISTS, parseNfs4List, parsePosixList, POSIX_LIST, UNKNOWN_LISTS } from "./access-lists.ts";
import type { Writers } from "./access-lists.ts";
import type { Eyes } from "./look.ts";
import { showsAllInMode } from "./mounts.ts";
import type { Mount } from "./mounts.ts";
import type { TrustFault } from "./ownership.ts";
import { findOthers } from "./users.ts";

/** A file or directory at a place without links; see `PathTrust`. */
export type Judged = {
  place: string;
  status: Stats;
  mount: Mount | undefined;
  trust: { uid: number; groups: "meant" | "own" };
};

/**
 * Returns the fault of a file or directory to which its group, or others by a list, may write. Where the mode
 * says all, a file whose group may not write has no list that lets others write: the bits of the group are
 * the most that any list gives (acl(5)).
 */
export function findListFault(judged: Judged, eyes: Eyes): TrustFault | undefined {
  const { place, status, mount } = judged;
  const isForGroup = (status.mode & WRITABLE_BY_GROUP) !== 0;
  if (!isForGroup && showsAllInMode(mount)) return undefined;
  const writers: Writers[] = [];
  if (isForGroup) {
    const list = eyes.attributeOf(place, POSIX_LIST);
    if (list === "unknown") return unreadable(place, POSIX_LIST);
    const parsed =
      list === "none" ? { uids: [], gids: [status.gid], others: [] } : parsePosixList(list, status.gid);
    if (parsed === undefined) return unreadable(place, POSIX_LIST);
    writers.push(parsed);
  }
  if (!showsAllInMode(mount)) {
    for (const name of UNKNOWN_LISTS)
      if (eyes.attributeOf(place, name) !== "none") return unreadable(place, name);
    for (const name of NFS4_LISTS) {
      const list = eyes.attributeOf(place, name);
      if (list === "none") continue;
      const parsed = list === "unknown" ? undefined : parseNfs4List(list, status.gid);
      if (parsed === undefined) return unreadable(place, name);
      writers.push(parsed);
    }
  }
  return judgeWriters(writers, judged, eyes);
}

const WRITABLE_BY_GROUP = 0o020;
const PUBLIC_PROBLEM = "can be replaced by others";

function judgeWriters(
  writers: readonly Writers[],
  { place, trust }: Judged,
  eyes: Eyes,
): TrustFault | undefined {
  const shown = printable(place);
  for (const { uids, gids, others } of writers) {
    const user = uids.find((uid) => uid !== 0 && uid !== trust.uid);
    const who = user === undefined ? others[0] : `user ${user}`;
    if (who !== undefined) {
      return {
        problem: `its access list lets ${printable(who)} write to "${shown}"`,
        publicProblem: PUBLIC_PROBLEM,
        remedy: `Look at the list: getfacl ${shellWord(place)}`,
      };
    }
    if (trust.groups === "meant") continue;
    for (const gid of gids) {
      const problem = findOthers(eyes.groupOf(gid), trust.uid);
      if (problem === undefined) continue;
      return {
        problem: `group ${gid} may write to "${shown}", and it ${problem}`,
        publicProblem: PUBLIC_PROBLEM,
        remedy: `Correct it with: chmod g-w ${shellWord(place)}`,
      };
    }
  }
  return undefined;
}

function unreadable(place: string, attribute: string): TrustFault {
  return {
    problem:
      `the access list "${attribute}" of "${printable(place)}" cannot be read, ` +
      "so others may write to it",
    publicProblem: PUBLIC_PROBLEM,
    remedy: `Use another place, or see the list: getfattr -m - ${shellWord(place)}`,
  };
}
