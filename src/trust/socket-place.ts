/** Judges the places of sockets: no other user may put another socket there. */
import { dirname, resolve } from "node:path";
import { errnoOf } from "../errors.ts";
import { printable } from "../printable.ts";
import { judge } from "./local-paths.ts";
import type { Eyes } from "./look.ts";
import type { TrustFault } from "./ownership.ts";
import { judgePath } from "./path-trust.ts";

/**
 * Resolves with the fault of the place of the socket at `path`, or undefined. Root and the user `uid` may own
 * the directories and links on the way. The socket's directory must not be one in which others may make
 * files, as in /tmp: another user could wait there for the moment at which the socket is gone.
 *
 * A place that this user may not look at has no fault, because the connection fails too. Nothing needs to be
 * at `path`.
 */
export function findPlaceFault(path: string, uid: number): Promise<TrustFault | undefined> {
  return ignoreDenied(
    judge((eyes) => {
      const fault = judgePath(resolve(path), { uid, groups: "own" }, eyes);
      if (fault !== undefined && fault !== "absent") return fault;
      const end = fault === "absent" ? resolve(path) : followLinks(resolve(path), eyes);
      return judgeDirectory(dirname(end), uid, eyes);
    }),
  );
}

/** Does what `findPlaceFault` does, for all sockets in a directory. */
export function findDirectoryFault(directory: string, uid: number): Promise<TrustFault | undefined> {
  return ignoreDenied(judge((eyes) => judgeDirectory(resolve(directory), uid, eyes)));
}

function judgeDirectory(directory: string, uid: number, eyes: Eyes): TrustFault | undefined {
  const fault = judgePath(directory, { uid, groups: "own" }, eyes);
  if (fault === "absent") return undefined;
  const mode = eyes.targetStatusOf(directory)?.mode ?? 0;
  if (fault !== undefined || (mode & STICKY) === 0 || (mode & WRITABLE_BY_OTHERS) === 0) return fault;
  return {
    problem: `others may make files in "${printable(directory)}"`,
    publicProblem: "is where others may make files",
    remedy: "Use a directory in which they cannot, such as one that root makes: mkdir -m 755 /run/vm",
  };
}

/** `judgePath` has followed these links, so they end. */
function followLinks(path: string, eyes: Eyes): string {
  let place = path;
  while (eyes.statusOf(place)?.isSymbolicLink() === true)
    place = resolve(dirname(place), eyes.linkTextOf(place));
  return place;
}

async function ignoreDenied(judging: Promise<TrustFault | undefined>): Promise<TrustFault | undefined> {
  try {
    return await judging;
  } catch (thrown) {
    if (!["EACCES", "EPERM"].includes(errnoOf(thrown) ?? "")) throw thrown;
    return undefined;
  }
}

/** `judgePath` accepts directories with the sticky bit, and refuses others in which others may make files. */
const STICKY = 0o1000;
const WRITABLE_BY_OTHERS = 0o022;
