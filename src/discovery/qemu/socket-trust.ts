/** Whether a socket's place in the file system lets only its rightful owner put something there. */
import { lstat, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errnoOf } from "../../errors.ts";
import { findPathFault } from "../../trust/path-trust.ts";
import { printable } from "../../printable.ts";

/**
 * What speaks against the socket at `path` of a process of user `uid`, or undefined. It has to exist and be a socket of
 * root or that user; each directory above it has to belong to one of the two and not be writable for all, except with the
 * sticky bit (as /tmp), where nobody can replace another's file. Directories that a group may write are taken as
 * meant so. `root` is the process's own view of the file system (`/proc/PID/root`): in a container or with a private /tmp
 * the same path is another socket there than here.
 */
export async function checkSocket(
  path: string,
  { uid, root }: { uid: number; root: string },
): Promise<string | undefined> {
  try {
    const facts = await lstat(path);
    if (!facts.isSocket()) return `"${printable(path)}" is no socket`;
    if (facts.uid !== 0 && facts.uid !== uid) return `"${printable(path)}" belongs to user ${facts.uid}`;
    const theirs = await stat(join(root, path));
    if (theirs.ino !== facts.ino || theirs.dev !== facts.dev) {
      return `"${printable(path)}" is another file where it runs (a container?)`;
    }
    return findPathFault(dirname(path), { uid, groups: "meant" })?.problem;
  } catch (error) {
    const reason = errnoOf(error);
    if (reason === undefined) throw error;
    return `"${printable(path)}" cannot be looked at (${reason})`;
  }
}
