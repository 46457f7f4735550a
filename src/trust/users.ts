/** Local users and their groups, as /etc/passwd and /etc/group have them. */
import { readFileSync } from "node:fs";
import { errnoOf, NegotiatorError } from "../errors.ts";

export type User = { name: string; uid: number; gid: number; home: string };

/**
 * The user of that name or number. Only /etc/passwd is read: users of a directory service are not found, as a static
 * binary cannot ask for them. Throws `BAD_CONFIG` when there is none.
 */
export function lookUpUser(nameOrUid: string | number, passwdFile = "/etc/passwd"): User {
  for (const line of readFileSync(passwdFile, "utf8").split("\n")) {
    const [name, , uid, gid, , home] = line.split(":");
    if (name === undefined || uid === undefined || gid === undefined) continue;
    const isWanted = typeof nameOrUid === "number" ? Number(uid) === nameOrUid : name === nameOrUid;
    if (isWanted)
      return {
        name,
        uid: Number(uid),
        gid: Number(gid),
        home: home === undefined || home === "" ? "/" : home,
      };
  }
  throw new NegotiatorError("BAD_CONFIG", `Cannot find the user "${nameOrUid}" in ${passwdFile}`);
}

/**
 * Whether nobody is in the group but root and the user `uid`: it is root's own, or these files know the group, and no
 * other user as its member. `staff` on Debian, to which /usr/local belongs there, is such a one as long as it is empty.
 */
export function isGroupOf(
  gid: number,
  uid: number,
  { passwdFile = "/etc/passwd", groupFile = "/etc/group" } = {},
): boolean {
  if (gid === 0) return true;
  const users = readRows(passwdFile);
  const group = readRows(groupFile).find(([, , number]) => Number(number) === gid);
  if (group === undefined) return false;
  const named = (group[3] ?? "").split(",").filter((name) => name !== "");
  const strangers = users.filter(([, , number]) => ![0, uid].includes(Number(number)));
  const isMember = ([name = "", , , primary]: string[]): boolean =>
    Number(primary) === gid || named.includes(name);
  const isKnown = (name: string): boolean => users.some(([user]) => user === name);
  return !strangers.some(isMember) && named.every(isKnown);
}

/** The lines of a file whose fields stand between colons; none where there is no such file. */
function readRows(path: string): string[][] {
  try {
    return readFileSync(path, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.split(":"));
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return [];
    throw thrown;
  }
}
