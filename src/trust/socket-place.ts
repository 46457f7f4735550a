/** Judges the places of sockets: no other user may put another socket there. */
import { dirname, resolve } from "node:path";
import { errnoOf } from "../errors.ts";
import { printable } from "../printable.ts";
import { judgePlace } from "./judge-place.ts";
import type { TrustFault } from "./ownership.ts";

/**
 * Resolves with the fault of the place of the socket at `path`, or undefined. Root and the user `uid` may own
 * the directories and links on the way. The socket's directory must not be one in which others may make
 * files, as in /tmp: another user could wait there for the moment at which the socket is gone.
 *
 * A place that this user may not look at has no fault, because the connection fails too. Nothing needs to be
 * at `path`.
 */
export function findPlaceFault(path: string, uid: number): Promise<TrustFault | undefined> {
  return ignoreDenied(async () => {
    const { fault, place, isOpen } = await judgePlace(resolve(path), { uid, groups: "own" });
    return fault ?? (isOpen ? openTo(dirname(place)) : undefined);
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
