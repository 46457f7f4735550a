/** Explains why lines of the audit cannot be written, and why calls are refused then. */
import { errnoOf, NegotiatorError } from "../errors.ts";
import type { AuditEntry } from "./audit-line.ts";

const REMEDIES: Record<string, string> = {
  ENOSPC: "Make room on its file system.",
  EDQUOT: "Make room on its file system.",
  EACCES: "Let the daemon's user write there, or set another path for the audit file.",
  EPERM: "Let the daemon's user write there, or set another path for the audit file.",
  EROFS: "Set a path for the audit file on a file system that can be written.",
  ELOOP: "It is a symbolic link, which is not followed: remove it, or set another path for the audit file.",
  ENXIO: "It is not a regular file: remove it, or set another path for the audit file.",
  EISDIR: "It is not a regular file: remove it, or set another path for the audit file.",
};

/** Returns the error for what was thrown while a line was to be written to `path`. */
export function explainWriteFailure(path: string, thrown: unknown): NegotiatorError {
  if (thrown instanceof NegotiatorError) return thrown;
  const { message } = NegotiatorError.from(thrown);
  const remedy = REMEDIES[errnoOf(thrown) ?? ""] ?? "Look at it with: ls -ld PATH, and at its directory.";
  return new NegotiatorError("INTERNAL", `Cannot write the audit file "${path}": ${message}`, {
    remedy: remedy.replace("PATH", path),
    cause: thrown,
  });
}

/** Returns the error for a call whose start line cannot be written. */
export function cannotBeWritten(entry: AuditEntry): NegotiatorError {
  return refusal(entry, "it cannot be written down");
}

/** Returns the error for a call whose caller has used up its share of the audit. */
export function shareIsFull(entry: AuditEntry): NegotiatorError {
  return refusal(entry, "its caller has used up its share of the audit");
}

function refusal({ command, method }: AuditEntry, reason: string): NegotiatorError {
  return new NegotiatorError("BUSY", `Cannot run "${command ?? method}": ${reason}`, {
    remedy: "See audit.onFull in the documentation of that side's audit",
  });
}
