/** Who may change a file that we go by, or a program that we run: root and ourselves, nobody else. */
import type { Stats } from "node:fs";
import { printable } from "../printable.ts";

/** `problem` and `remedy` are for the administrator here, `brief` is for anybody: it follows what it is about. */
export type OwnershipFault = { problem: string; brief: string; remedy: string };

/** What is wrong with the owner or the mode of the file at `path`, if we are the user `uid`. */
export function findOwnershipFault(
  { uid: owner, mode }: Pick<Stats, "uid" | "mode">,
  uid: number,
  path: string,
): OwnershipFault | undefined {
  if (owner !== 0 && owner !== uid) {
    return {
      problem: `it belongs to user ${owner}, not to root`,
      brief: "does not belong to root",
      remedy: `Correct it with: chown root: ${printable(path)}`,
    };
  }
  if ((mode & WRITABLE_BY_OTHERS) !== 0) {
    return {
      problem: "its group or everybody may write to it",
      brief: "can be written by others",
      remedy: `Correct it with: chmod go-w ${printable(path)}`,
    };
  }
  return undefined;
}

/** Our own user id, as which files are made and read; there need not be a name for it in /etc/passwd. */
export function ourUid(): number {
  return process.geteuid?.() ?? 0;
}

const WRITABLE_BY_OTHERS = 0o022;
