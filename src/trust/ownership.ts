/** Checks owner and mode: only root and our own user may change a file that we trust or a program that we run. */
import type { Stats } from "node:fs";
import { printable } from "../printable.ts";

/**
 * Why a file or a place is not safe to use. `problem` and `remedy` are for the administrator of this machine;
 * `publicProblem` has no paths or users and may go to a peer. It completes a sentence such as "it …".
 */
export type TrustFault = { problem: string; publicProblem: string; remedy: string };

/** Returns what is wrong with the owner or the mode of the file at `path` for the user `uid`, or undefined. */
export function findOwnershipFault(
  { uid: owner, mode }: Pick<Stats, "uid" | "mode">,
  uid: number,
  path: string,
): TrustFault | undefined {
  if (owner !== 0 && owner !== uid) {
    return {
      problem: `it belongs to user ${owner}, not to root`,
      publicProblem: "does not belong to root",
      remedy: `Correct it with: chown root: ${printable(path)}`,
    };
  }
  if ((mode & WRITABLE_BY_OTHERS) !== 0) {
    return {
      problem: "its group or everybody may write to it",
      publicProblem: "can be written by others",
      remedy: `Correct it with: chmod go-w ${printable(path)}`,
    };
  }
  return undefined;
}

/** Returns our effective user id. /etc/passwd may have no name for it. */
export function ourUid(): number {
  return process.geteuid?.() ?? 0;
}

const WRITABLE_BY_OTHERS = 0o022;
