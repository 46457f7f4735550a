/** The group that a socket is for besides root, and what somebody can do who is not in it. */
import { readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { errnoOf } from "../../errors.ts";
import { printable } from "../../printable.ts";

const GROUP_FILE = "/etc/group";
const ROOT = 0;
const WRITABLE_FOR_GROUP = 0o020;

/** The group's number in /etc/group; undefined when it is not there (group(5)), or the file itself is missing. */
export async function findGroup(name: string, groupFile = GROUP_FILE): Promise<number | undefined> {
  return (await readGroups(groupFile)).find((group) => group.name === name)?.gid;
}

/**
 * The remedy for somebody who may not connect to the socket at `path`: how to get in by its own group, or, where only root
 * may use it, by `wanted`, the group that `listenSocket` gives it to where there is such a group.
 */
export async function explainEntry(path: string, wanted: string, groupFile = GROUP_FILE): Promise<string> {
  const shown = printable(path);
  const facts = await stat(path).catch(() => undefined);
  if (facts === undefined) return `Run as root, or look at: ls -ld ${dirname(shown)}`;
  const { uid, gid, mode } = facts;
  if ((mode & WRITABLE_FOR_GROUP) === 0) return `Run as root, or look at: ls -l ${shown}`;
  const groups = await readGroups(groupFile);
  if (gid !== ROOT) {
    const own = groups.find((group) => group.gid === gid)?.name;
    if (own === undefined) return `Run as root, or as a member of group ${gid}, which may use it`;
    return `Run as root, or join the group "${own}", which may use it: usermod -aG ${own} USER. Then log in anew`;
  }
  if (uid !== ROOT) return `Run as root, or look at: ls -l ${shown}`;
  if (groups.some(({ name }) => name === wanted)) {
    return `Run as root, or start the daemon anew: the group "${wanted}" was made after its start. Who is in it may use the socket then`;
  }
  return `Run as root, or make the group "${wanted}" and join it: groupadd --system ${wanted}; usermod -aG ${wanted} USER. Then start the daemon anew, and log in anew`;
}

async function readGroups(groupFile: string): Promise<{ name: string; gid: number }[]> {
  const text = await readFile(groupFile, "utf8").catch((thrown: unknown) => {
    if (errnoOf(thrown) !== "ENOENT") throw thrown;
    return "";
  });
  return text.split("\n").flatMap((line) => {
    const [name = "", , gid] = line.split(":");
    return gid === undefined ? [] : [{ name, gid: Number(gid) }];
  });
}
