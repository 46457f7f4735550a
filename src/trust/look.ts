/** Looks at paths for judgements, and remembers every path that a judgement depends on. */
import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import type { Stats } from "node:fs";
import { errnoOf, NegotiatorError } from "../errors.ts";
import { printable } from "../printable.ts";
import { decodeUtf8, showBytes } from "../strict/utf8.ts";
import { isLocal, readMounts } from "./mounts.ts";
import type { Mount, MountList } from "./mounts.ts";
import { readJudged } from "./opened-file.ts";
import { readListAttribute } from "./system-calls.ts";
import type { GroupFacts } from "./users.ts";

/** The looks of a judgement. They throw the errors of the system calls, and `Elsewhere`. */
export type Eyes = {
  /** Returns the status of a path itself, also if it is a link, or undefined if nothing is there. */
  statusOf: (path: string) => Stats | undefined;
  /** Returns the text of a link, whose status was looked at before. */
  linkTextOf: (path: string) => string;
  /** Returns the first bytes of a regular file that was looked at before. `BUSY` if it has changed. */
  contentOf: (path: string, mostBytes: number) => Uint8Array;
  /** Returns the names in a directory whose status was looked at before. */
  entriesOf: (path: string) => Uint8Array[];
  /** Returns the mount that a path without links is on. */
  mountOf: (path: string) => Mount | undefined;
  /** Returns an extended attribute (`readListAttribute`). */
  attributeOf: (path: string, name: string) => Uint8Array | "none" | "unknown";
  /** Returns who is in a group. */
  groupOf: (gid: number) => GroupFacts;
};

/**
 * A path that was looked at. `status` is undefined if there was nothing. `isListed`: its names were read.
 * `isAccounts`: it is a list of users or groups.
 */
export type Sighting = { path: string; status: Stats | undefined; isListed: boolean; isAccounts: boolean };

/** Everything that a judgement looked at, by path. A judgement looks at each path once. */
export type Seen = Map<string, Sighting>;

/** A judgement needs a look that could hang. A judgement that catches errors throws it again. */
export class Elsewhere extends Error {}

/**
 * `groupOf` finds out who is in a group. With `onlyLocal`, looks that could hang throw `Elsewhere`: only
 * paths on local file systems are looked at. Several eyes can share `mounts`.
 */
export type EyesOptions = {
  groupOf: (gid: number) => GroupFacts;
  onlyLocal: boolean;
  seen?: Seen;
  mounts?: MountList;
};

/** How a judgement looks. */
export type Looks = Pick<EyesOptions, "groupOf" | "onlyLocal">;

/** Looks that cannot hang: in the place of one that could, they throw `Elsewhere`. */
const LOCAL_LOOKS: Looks = {
  onlyLocal: true,
  groupOf() {
    throw new Elsewhere("the members of a group");
  },
};

/**
 * Resolves with the verdict of `here`, which gets `LOCAL_LOOKS`. If it needs a look that could hang, resolves
 * as `there` does, which asks a child. Rejects as the two do.
 */
export async function judgeHereOrThere<Verdict>(
  here: (looks: Looks) => Verdict,
  there: () => Promise<Verdict>,
): Promise<Verdict> {
  try {
    return here(LOCAL_LOOKS);
  } catch (thrown) {
    if (!(thrown instanceof Elsewhere)) throw thrown;
  }
  return there();
}

/** The files that say who is in a group, on a machine without a directory service. */
const GROUP_FILES = ["/etc/passwd", "/etc/group", "/etc/gshadow", "/etc/nsswitch.conf"];

/** Returns eyes that look at once. */
export function createEyes({ groupOf, onlyLocal, seen = new Map(), ...given }: EyesOptions): Eyes {
  let { mounts } = given;
  const mountOf = (path: string): Mount | undefined => (mounts ??= readMounts()).find(path);
  const see = (path: string): Sighting => {
    const before = seen.get(path);
    if (before !== undefined) return before;
    if (onlyLocal && !isLocal(mountOf(path))) throw new Elsewhere(path);
    const sighting = { path, status: lookAt(path), isListed: false, isAccounts: false };
    seen.set(path, sighting);
    return sighting;
  };
  const judged = (path: string): Stats => {
    const { status } = see(path);
    if (status === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });
    return status;
  };
  return {
    mountOf,
    statusOf: (path) => see(path).status,
    linkTextOf: (path) => toLinkText(path, readlinkSync(path, "buffer")),
    contentOf: (path, mostBytes) => readJudged(path, judged(path), mostBytes),
    entriesOf(path) {
      judged(path);
      see(path).isListed = true;
      return readdirSync(path, { encoding: "buffer" });
    },
    attributeOf: readListAttribute,
    groupOf(gid) {
      for (const path of GROUP_FILES) see(path).isAccounts = true;
      return groupOf(gid);
    },
  };
}

/** Looks at a path itself. Waits for its file system. Throws the errors of `lstat`. */
export function lookAt(path: string): Stats | undefined {
  try {
    // An exception for the usual reason would cost more than the look.
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (thrown) {
    if (!["ENOENT", "ENOTDIR", "ELOOP"].includes(errnoOf(thrown) ?? "")) throw thrown;
    return undefined;
  }
}

/** Another text would be another path, and the check of another path proves nothing. */
function toLinkText(path: string, bytes: Uint8Array): string {
  const text = decodeUtf8(bytes);
  if (text !== undefined) return text;
  const target = `"${printable(showBytes(bytes))}", which is not UTF-8`;
  const message = `Cannot follow the link "${printable(path)}": it leads to ${target}`;
  throw new NegotiatorError("BAD_CONFIG", message, { remedy: "Rename its target" });
}
