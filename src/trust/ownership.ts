/** Checks owner and mode of trusted files: only root and our own user may change them. */
import type { Stats } from "node:fs";
import { shellWord } from "../shell-word.ts";

/**
 * The reason why a file or a place is unsafe. `problem` and `remedy` are for the administrator of this
 * machine; `publicProblem` has no paths or users and may go to a peer; it follows "it".
 */
export type TrustFault = { problem: string; publicProblem: string; remedy: string };

/** Returns the fault in owner or mode of the file at `path`, if we are the user `uid`, or undefined. */
export function findOwnershipFault(
  { uid: owner, mode }: Pick<Stats, "uid" | "mode">,
  uid: number,
  path: string,
): TrustFault | undefined {
  if (owner !== 0 && owner !== uid) {
    return {
      problem: `it belongs to user ${owner}, not to root`,
      publicProblem: "does not belong to root",
      remedy: `Correct it with: chown root: ${shellWord(path)}`,
    };
  }
  if ((mode & WRITABLE_BY_OTHERS) !== 0) {
    return {
      problem: "its group or everybody may write to it",
      publicProblem: "can be written by others",
      remedy: `Correct it with: chmod go-w ${shellWord(path)}`,
    };
  }
  return undefined;
}

/** Returns our effective user id. /etc/passwd may have no name for it. */
export function ourUid(): number {
  return process.geteuid?.() ?? 0;
}

const WRITABLE_BY_OTHERS = 0o022;
