/** Looks up local users and groups in /etc/passwd and /etc/group. */
import { readFileSync } from "node:fs";
import { errnoOf, NegotiatorError } from "../errors.ts";
import { decodeUtf8 } from "../strict/utf8.ts";

const PASSWD_FILE = "/etc/passwd";
const GROUP_FILE = "/etc/group";

/** The files that `lookUpUser` and `isGroupOf` read by default. */
export const USER_FILES: readonly string[] = [PASSWD_FILE, GROUP_FILE];

/** A line of /etc/passwd; `home` is "/" if the line has none. */
export type User = { name: string; uid: number; gid: number; home: string };

/**
 * Returns the user with that name, or with that numeric id. Reads only /etc/passwd, because a static binary
 * cannot ask a directory service. Throws `BAD_CONFIG` if the user is not in it, or
 * if its name or home is not UTF-8.
 */
export function lookUpUser(nameOrUid: string | number, passwdFile = PASSWD_FILE): User {
  // The full name, which is not used, is often not UTF-8.
  for (const line of readFileSync(passwdFile, "latin1").split("\n")) {
    const [bytes, , uid, gid, , home = ""] = line.split(":");
    if (bytes === undefined || uid === undefined || gid === undefined) continue;
    const name = fromLatin1(bytes);
    const isWanted = typeof nameOrUid === "number" ? Number(uid) === nameOrUid : name === nameOrUid;
    if (!isWanted) continue;
    const place = fromLatin1(home);
    if (name !== undefined && place !== undefined)
      return { name, uid: Number(uid), gid: Number(gid), home: place === "" ? "/" : place };
    const problem = "its name or home is not UTF-8";
    throw new NegotiatorError(
      "BAD_CONFIG",
      `Cannot use the user "${nameOrUid}" of ${passwdFile}: ${problem}`,
    );
  }
  const isName = typeof nameOrUid === "string" && /^[a-z_][a-z0-9_-]*$/.test(nameOrUid);
  throw new NegotiatorError("BAD_CONFIG", `Cannot find the user "${nameOrUid}" in ${passwdFile}`, {
    remedy: isName
      ? `Correct the name, or create the user: useradd --system ${nameOrUid}`
      : `Correct the user; these are there: cut -d: -f1,3 ${passwdFile}`,
  });
}

function fromLatin1(text: string): string | undefined {
  return decodeUtf8(Buffer.from(text, "latin1"));
}

/**
 * Returns whether the group has no members besides root and the user `uid`. True for root's own group. False
 * for a group that the files do not know or that names an unknown member. An empty group counts: on Debian,
 * /usr/local belongs to the group `staff`, which is empty by default.
 */
export function isGroupOf(
  gid: number,
  uid: number,
  { passwdFile = PASSWD_FILE, groupFile = GROUP_FILE } = {},
): boolean {
  if (gid === 0) return true;
  const users = readRows(passwdFile);
  const group = readRows(groupFile).find(([, , number]) => Number(number) === gid);
  if (group === undefined) return false;
  const named = (group[3] ?? "").split(",").filter((name) => name !== "");
  const others = users.filter(([, , number]) => ![0, uid].includes(Number(number)));
  const isMember = ([name = "", , , primary]: string[]): boolean =>
    Number(primary) === gid || named.includes(name);
  const isKnown = (name: string): boolean => users.some(([user]) => user === name);
  return !others.some(isMember) && named.every(isKnown);
}

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
