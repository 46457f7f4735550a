/** Lists a directory of settings, after a check that no other user could have put files into it. */
import { resolve } from "node:path";
import { errnoOf, NegotiatorError } from "../errors.ts";
import { printable } from "../printable.ts";
import { shellWord } from "../shell-word.ts";
import { decodeUtf8, showBytes } from "../strict/utf8.ts";
import { Elsewhere } from "./look.ts";
import type { Looks } from "./look.ts";
import { findOwnershipFault, ourUid } from "./ownership.ts";
import { judgeNow, judgePath } from "./path-trust.ts";

/**
 * Returns the names in a directory, or undefined if nothing is there. Throws `BAD_CONFIG` if it cannot be
 * read, is not a directory or has a name that is not UTF-8, and if another user than root and ours could put
 * files into it or replace it. Throws as `looks` do.
 */
export function listTrustedDirectory(path: string, looks?: Looks): string[] | undefined {
  try {
    return judgeNow((eyes) => {
      const uid = ourUid();
      const { fault: wayFault, place, status } = judgePath(resolve(path), { uid, groups: "own" }, eyes);
      if (status === undefined && wayFault === undefined) return undefined;
      if (status !== undefined && !status.isDirectory())
        throw unusable(path, "it is not a directory", `Remove it: rm ${shellWord(path)}`);
      const fault = (status && findOwnershipFault(status, uid, place)) ?? wayFault;
      if (fault !== undefined) throw unusable(path, fault.problem, fault.remedy);
      return eyes.entriesOf(place).map((bytes) => toName(path, bytes));
    }, looks);
  } catch (thrown) {
    if (thrown instanceof NegotiatorError || thrown instanceof Elsewhere) throw thrown;
    const isDenied = errnoOf(thrown) === "EACCES";
    const { message } = NegotiatorError.from(thrown);
    throw unusable(
      path,
      isDenied ? "this user may not read it" : message,
      `Look at it: ls -ld ${shellWord(path)}`,
    );
  }
}

function toName(path: string, bytes: Uint8Array): string {
  const name = decodeUtf8(bytes);
  if (name !== undefined) return name;
  throw unusable(path, `the name "${printable(showBytes(bytes))}" in it is not UTF-8`, "Rename that file");
}

function unusable(path: string, problem: string, remedy: string): NegotiatorError {
  const message = `Cannot use the directory "${printable(path)}": ${problem}`;
  return new NegotiatorError("BAD_CONFIG", message, { remedy });
}
