/** Checks that only the rightful owner of a socket could have put it at its path. */
import { lstat, stat } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "../../errors.ts";
import { printable } from "../../printable.ts";
import { findPlaceFault } from "../../trust/socket-place.ts";

/**
 * Returns the objection to the socket at `path` of a process of user `uid`, undefined if there is none. The
 * file must be a socket of root or of that user, and pass `findPlaceFault`. `root` is the process's root
 * directory (`/proc/PID/root`): with a private /tmp, the same path is another socket.
 */
export async function checkSocket(
  path: string,
  { uid, root }: { uid: number; root: string },
): Promise<string | undefined> {
  try {
    const fault = await findPlaceFault(path, uid);
    if (fault !== undefined) return fault.problem;
    const facts = await lstat(path);
    if (!facts.isSocket()) return `"${printable(path)}" is not a socket`;
    if (facts.uid !== 0 && facts.uid !== uid) return `"${printable(path)}" belongs to user ${facts.uid}`;
    const theirs = await stat(join(root, path));
    if (theirs.ino !== facts.ino || theirs.dev !== facts.dev) {
      return `"${printable(path)}" is another file in the process's root directory (a container?)`;
    }
    return undefined;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    return `"${printable(path)}" cannot be checked (${errno})`;
  }
}
