/** Users and groups, as the system resolves them, and the words about those that it does not know. */
import { NegotiatorError } from "../errors.ts";

/** A user. `groups` are the ids of all its groups, with `gid`; `home` is "/" if the system knows none. */
export type User = { name: string; uid: number; gid: number; groups: readonly number[]; home: string };

/** The members of a group, or why they cannot be known: `problem` follows "group 50". */
export type GroupFacts = { uids: readonly number[] } | { problem: string };

/** The highest id. The system's calls take the next one, 4294967295, as "leave it as it is". */
export const HIGHEST_ID = 0xffff_fffe;

/** Returns the error for a user that the system does not know. */
export function unknownUser(nameOrUid: string | number): NegotiatorError {
  const isName = typeof nameOrUid === "string" && /^[a-z_][a-z0-9_-]*$/.test(nameOrUid);
  const message = `Cannot find the user "${nameOrUid}": the system does not know it`;
  return new NegotiatorError("BAD_CONFIG", message, {
    remedy: isName
      ? `Correct the name, or create the user: useradd --system ${nameOrUid}`
      : "Correct the user; these are there: cut -d: -f1,3 /etc/passwd",
  });
}

/** Returns the error for a user that the system knows, and that cannot be used for the reason `problem`. */
export function unusableUser(nameOrUid: string | number, problem: string): NegotiatorError {
  return new NegotiatorError("BAD_CONFIG", `Cannot use the user "${nameOrUid}": ${problem}`, {
    remedy: `Look at it: id ${nameOrUid}`,
  });
}

/** Returns why others than root and the user `uid` may be in a group, or undefined if none are. */
export function findOthers(facts: GroupFacts, uid: number): string | undefined {
  if ("problem" in facts) return facts.problem;
  const others = facts.uids.filter((member) => member !== 0 && member !== uid);
  if (others.length === 0) return undefined;
  const [first] = others;
  return others.length === 1
    ? `has the member ${first}`
    : `has ${others.length} other members, such as ${first}`;
}
