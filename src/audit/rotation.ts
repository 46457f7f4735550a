/** Renames full audit files, and explains why they could not be renamed. */
import { lstatSync, renameSync, rmSync } from "node:fs";
import { NegotiatorError } from "../errors.ts";

/** Removes the oldest file and renames the others. With `keep` 0 the file itself is the oldest. */
export function rotate(path: string, keep: number): void {
  rmSync(keep === 0 ? path : `${path}.${keep}`, { force: true });
  for (let number = keep - 1; number >= 0; number--) {
    const from = number === 0 ? path : `${path}.${number}`;
    if (lstatSync(from, { throwIfNoEntry: false }) !== undefined) renameSync(from, `${path}.${number + 1}`);
  }
}

/** Returns the error for a lock that another process has. */
export function lockHeld(path: string): NegotiatorError {
  return new NegotiatorError("BUSY", `Cannot rotate the audit file "${path}": another process rotates it`, {
    remedy: `If this stays so, find the process with: fuser -v ${path}.lock`,
  });
}

/** Returns the error for what was thrown while the file was to be rotated. */
export function cannotRotate(path: string, thrown: unknown): NegotiatorError {
  const { message } = NegotiatorError.from(thrown);
  return new NegotiatorError("INTERNAL", `Cannot rotate the audit file "${path}": ${message}`, {
    remedy: `Remove what is in the way: ls -ld ${path}*`,
    cause: thrown,
  });
}
