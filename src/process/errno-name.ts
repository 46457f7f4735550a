/** Names the errors of system calls. */
import { constants } from "node:os";

/** Returns the name of an errno, such as `ENOENT`; undefined for one that this runtime does not know. */
export function errnoName(errno: number): string | undefined {
  return Object.entries(constants.errno).find(([, number]) => number === errno)?.[0];
}
