/** Makes the directory of a daemon's state. */
import { mkdirSync, statSync } from "node:fs";
import { NegotiatorError } from "../../errors.ts";
import { findOwnershipFault, ourUid } from "../../trust/ownership.ts";
import { findPathFault } from "../../trust/path-trust.ts";

const OWNER_ONLY = 0o700;

/** Makes the directory if it is missing. Throws `BAD_CONFIG` for a place that others could change. */
export function prepareStateDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: OWNER_ONLY });
  const uid = ourUid();
  const fault =
    findOwnershipFault(statSync(directory), uid, directory) ??
    findPathFault(directory, { uid, groups: "own" });
  if (fault !== undefined) throw new NegotiatorError("BAD_CONFIG", `${fault.problem}. ${fault.remedy}`);
}
