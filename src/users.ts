/** Local users, as /etc/passwd has them. */
import { readFileSync } from "node:fs";
import { NegotiatorError } from "./errors.ts";

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
