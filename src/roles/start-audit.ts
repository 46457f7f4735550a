/** Opens the audit that the settings ask for. */
import { openAudit } from "../audit/audit.ts";
import type { Audit } from "../audit/audit.ts";
import type { Settings } from "../config/settings.ts";
import type { NegotiatorError } from "../errors.ts";
import { tryLockFile } from "../process/libc.ts";
import { createSystemLog } from "../process/system-log.ts";

/** Returns the audit of a daemon, or of a command line that works without one. */
export function startAudit(
  { file: path, forward, ...rest }: Settings["audit"],
  onProblem: (problem: NegotiatorError) => void,
): Audit {
  const copy = forward === "no" ? undefined : createSystemLog(forward);
  return openAudit({ path, ...rest, tryLock: tryLockFile, forward: copy, onProblem });
}
