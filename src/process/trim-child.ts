/** Trims one file system, in a child: it may take minutes. */
import { closeSync, constants, openSync } from "node:fs";
import { trimFileSystem } from "./libc-machine.ts";

/** The trimmed bytes as decimal digits, or the errno of the failure. */
export type TrimReport = { trimmed: string } | { errno: number };

/** Trims the file system at a mount point, in pieces of at least `minimum` bytes. */
export function trimPath(path: string, minimum: bigint): TrimReport {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  const outcome = trimFileSystem(descriptor, minimum);
  closeSync(descriptor);
  return "errno" in outcome ? outcome : { trimmed: outcome.trimmed.toString() };
}
