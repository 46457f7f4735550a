/**
 * Finds users, and the members of groups, by asking libc. It asks whatever the system's administrator set up,
 * also other machines, and waits for them: only a child with a deadline may do that.
 */
import { readFileSync } from "node:fs";
import { errnoOf, NegotiatorError } from "../errors.ts";
import { printable } from "../printable.ts";
import { decodeUtf8 } from "../strict/utf8.ts";
import { listGroups, listUsers, readGroup, readGroupsOf, readUser } from "./system-calls.ts";
import type { GroupEntry } from "./system-calls.ts";
import { HIGHEST_ID, unknownUser, unusableUser } from "./users.ts";
import type { GroupFacts, User } from "./users.ts";

/** Files that this room reads besides libc; tests pass others. */
export type AccountFiles = { sources: string; groupPasswords: string };

/**
 * Returns the user with that name or id, with all groups. A name of digits is a name, never an id. Throws
 * `BAD_CONFIG` if the system does not know the user, could not find out, or has an entry that is unusable.
 */
export function findUser(nameOrUid: string | number): User {
  const entry = lookUp(nameOrUid);
  if (entry === undefined) throw unknownUser(nameOrUid);
  const { uid, gid } = entry;
  const name = decodeUtf8(entry.name);
  const home = decodeUtf8(entry.home);
  if (name === undefined || home === undefined)
    throw unusableUser(nameOrUid, "its name or home is not UTF-8");
  const groups = [gid, ...groupsOf(nameOrUid, entry).filter((id) => id !== gid)];
  if ([uid, ...groups].some((id) => id > HIGHEST_ID))
    throw unusableUser(nameOrUid, `it or its group has the id ${HIGHEST_ID + 1}, which is none`);
  return { name, uid, gid, groups, home: home === "" ? "/" : home };
}

/** Returns the id of the group with that name, or undefined if the system knows none. A failure throws. */
export function findGroupNamed(name: string): number | undefined {
  if (name === "" || name.includes("\0")) return undefined;
  const gid = readGroup(name)?.gid;
  return gid === undefined || gid > HIGHEST_ID ? undefined : gid;
}

/**
 * Returns the ids of all users that are in a group, by its list or as their first group. `problem` if that
 * cannot be known: not every source of users lists them, and a group with a password is open to all who know
 * it.
 */
export function describeGroup(gid: number, files: AccountFiles = FILES): GroupFacts {
  try {
    const unlisted = findUnlistedSource(files.sources);
    if (unlisted !== undefined)
      return { problem: `may have members that ${files.sources} takes from "${unlisted}", which lists none` };
    const known = readGroup(gid);
    const groups = [
      ...(known === undefined ? [] : [known]),
      ...listGroups().filter((one) => one.gid === gid),
    ];
    if (groups.length === 0) return { problem: "is not known to the system" };
    const uids = new Set(listUsers().flatMap((user) => (user.gid === gid ? [user.uid] : [])));
    for (const name of groups.flatMap((group) => namesIn(group, files.groupPasswords))) {
      const member = readUser(name);
      if (member === undefined) return { problem: `has the member "${printable(name)}", who is not known` };
      uids.add(member.uid);
    }
    return { uids: [...uids] };
  } catch (thrown) {
    return { problem: `cannot be looked at: ${NegotiatorError.from(thrown).message}` };
  }
}

const FILES: AccountFiles = { sources: "/etc/nsswitch.conf", groupPasswords: "/etc/gshadow" };

/** Sources of nsswitch.conf(5) that list all their users and groups. */
const LISTED = new Set(["files", "compat", "systemd", "altfiles", "extrausers", "mymachines", "db"]);

function lookUp(nameOrUid: string | number): ReturnType<typeof readUser> {
  if (typeof nameOrUid === "string" && (nameOrUid === "" || nameOrUid.includes("\0"))) return undefined;
  try {
    return readUser(nameOrUid);
  } catch (thrown) {
    throw unusableUser(nameOrUid, NegotiatorError.from(thrown).message);
  }
}

function groupsOf(nameOrUid: string | number, { name, gid }: { name: Uint8Array; gid: number }): number[] {
  try {
    return readGroupsOf(name, gid);
  } catch (thrown) {
    throw unusableUser(nameOrUid, NegotiatorError.from(thrown).message);
  }
}

function findUnlistedSource(path: string): string | undefined {
  for (const line of (readIfThere(path) ?? "").split("\n")) {
    const [, database, sources = ""] = /^\s*(passwd|group|initgroups)\s*:([^#]*)/.exec(line) ?? [];
    if (database === undefined) continue;
    const words = sources
      .replaceAll(/\[[^\]]*\]/g, " ")
      .split(/\s+/)
      .filter(Boolean);
    const unlisted = words.find((word) => !LISTED.has(word));
    if (unlisted !== undefined) return unlisted;
  }
  return undefined;
}

/** Returns the members of the group, and its administrators (gshadow(5)), who may add members. */
function namesIn({ name, password, members }: GroupEntry, groupPasswords: string): string[] {
  const line = readIfThere(groupPasswords)
    ?.split("\n")
    .find((row) => row.startsWith(`${name}:`));
  const [, hidden = "", administrators = "", more = ""] = line?.split(":") ?? [];
  if ([password, hidden].some(isPassword)) throw new Error("it has a password, so that others can join it");
  return [...members, ...administrators.split(","), ...more.split(",")].filter((member) => member !== "");
}

/** Nothing fits the others (newgrp(1)); `x` stands for the other file. */
function isPassword(text: string): boolean {
  return text !== "" && text !== "x" && !/^[!*]/.test(text);
}

/** A user that is not root may not read the passwords of groups, and judges only for itself. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    if (["ENOENT", "EACCES"].includes(errnoOf(thrown) ?? "")) return undefined;
    throw thrown;
  }
}
