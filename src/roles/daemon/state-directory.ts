/** Makes the directory of a daemon's state. */
import { mkdir, stat } from "node:fs/promises";
import { NegotiatorError } from "../../errors.ts";
import { judgePlace } from "../../trust/judge-place.ts";
import { findOwnershipFault, ourUid } from "../../trust/ownership.ts";

const OWNER_ONLY = 0o700;

/**
 * Makes the directory if it is missing. Rejects with `BAD_CONFIG` for a place that others could change. Takes
 * a turn of `STATE_FILES`, because the file system may hang.
 */
export async function prepareStateDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: OWNER_ONLY });
  const uid = ourUid();
  const { fault: wayFault } = await judgePlace(directory, { uid, groups: "own" });
  const fault = findOwnershipFault(await stat(directory), uid, directory) ?? wayFault;
  if (fault !== undefined) throw new NegotiatorError("BAD_CONFIG", `${fault.problem}. ${fault.remedy}`);
}
