/** Judges the places of sockets: no other user may put another socket there. */
import { dirname, resolve } from "node:path";
import { errnoOf } from "../errors.ts";
import { printable } from "../printable.ts";
import { judgePlace } from "./judge-place.ts";
import { isLocal, readMounts } from "./mounts.ts";
import { ourUid } from "./ownership.ts";
import type { TrustFault } from "./ownership.ts";

/**
 * Resolves with the fault of the place of the socket at `path`, or undefined. Root and the user `uid` may own
 * the directories and links on the way. The socket's directory must not be one in which others may make
 * files, as in /tmp: another user could wait there for the moment at which the socket is gone. If `uid` is
 * another user than root and us, no part of the way may be on a file system that could keep a connection
 * waiting: the whole process waits for it.
 *
 * A place that this user may not look at has no fault, because the connection fails too. Nothing needs to be
 * at `path`.
 */
export function findPlaceFault(path: string, uid: number): Promise<TrustFault | undefined> {
  return ignoreDenied(async () => {
    const { fault, place, isOpen } = await judgePlace(resolve(path), { uid, groups: "own" });
    const open = isOpen ? openTo(dirname(place)) : undefined;
    return fault ?? open ?? ([0, ourUid()].includes(uid) ? undefined : findSlowPart(dirname(place)));
  });
}

/** Does what `findPlaceFault` does, for all sockets in a directory. */
export function findDirectoryFault(directory: string, uid: number): Promise<TrustFault | undefined> {
  return ignoreDenied(async () => {
    const { fault, mode, isOpen } = await judgePlace(resolve(directory), { uid, groups: "own" });
    if (mode === undefined) return undefined;
    return fault ?? (isOpen ? openTo(directory) : undefined);
  });
}

/** `directory` is without links. */
function findSlowPart(directory: string): TrustFault | undefined {
  const mounts = readMounts();
  for (let place = directory; ; place = dirname(place)) {
    const mount = mounts.find(place);
    if (!isLocal(mount)) return slowPlace(place, mount?.type ?? "an unknown file system");
    if (place === "/") return undefined;
  }
}

function slowPlace(place: string, type: string): TrustFault {
  return {
    problem: `"${printable(place)}" is on ${printable(type)}, which may not answer`,
    publicProblem: "is on a file system that may not answer",
    remedy: "Use a directory on a local file system: mkdir -m 755 /run/vm",
  };
}

/** A sticky directory keeps the entries of others, and takes new ones. */
function openTo(directory: string): TrustFault {
  return {
    problem: `others may make files in "${printable(directory)}"`,
    publicProblem: "is where others may make files",
    remedy: "Use a directory in which they cannot, such as one that root makes: mkdir -m 755 /run/vm",
  };
}

async function ignoreDenied(judge: () => Promise<TrustFault | undefined>): Promise<TrustFault | undefined> {
  try {
    return await judge();
  } catch (thrown) {
    if (!["EACCES", "EPERM"].includes(errnoOf(thrown) ?? "")) throw thrown;
    return undefined;
  }
}
