/** Explains to other users how to join the group that may use a socket besides root. */
import { readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { errnoOf } from "../../errors.ts";
import { shellWord } from "../../shell-word.ts";

const GROUP_FILE = "/etc/group";
const ROOT = 0;
const WRITABLE_FOR_GROUP = 0o020;

/**
 * Returns the remedy for a user who may not connect to the socket at `path`: join the socket's own group. If
 * only root may use the socket, it is the group `wanted`, which `listenSocket` uses as soon as that group
 * exists.
 */
export async function explainEntry(path: string, wanted: string, groupFile = GROUP_FILE): Promise<string> {
  const facts = await stat(path).catch(() => undefined);
  if (facts === undefined)
    return `Run as root, or check the owner and mode: ls -ld ${shellWord(dirname(path))}`;
  const { uid, gid, mode } = facts;
  const check = `Run as root, or check the owner and mode: ls -l ${shellWord(path)}`;
  if ((mode & WRITABLE_FOR_GROUP) === 0) return check;
  const groups = await readGroups(groupFile);
  if (gid !== ROOT) {
    const own = groups.find((group) => group.gid === gid)?.name;
    if (own === undefined) return `Run as root, or as a member of group ${gid}, which may use it`;
    return `Run as root, or join the group "${own}": usermod -aG ${own} USER\nThen log in again`;
  }
  if (uid !== ROOT) return check;
  if (groups.some(({ name }) => name === wanted)) {
    return `Run as root, or restart the daemon: the group "${wanted}" is newer than its socket`;
  }
  return (
    `Run as root, or make the group "${wanted}" and join it: ` +
    `groupadd ${wanted}; usermod -aG ${wanted} USER\nThen restart the daemon and log in again`
  );
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
