/** Looks whether the daemon can make files in a directory. */
import { constants } from "node:fs";
import { access, statfs } from "node:fs/promises";
import { errnoOf } from "../../errors.ts";
import { shellWord } from "../../shell-word.ts";
import { ourUid } from "../../trust/ownership.ts";
import { findPathFault } from "../../trust/path-trust.ts";
import type { PathTrust } from "../../trust/path-trust.ts";
import { findExisting } from "./existing-directory.ts";

/**
 * A place for files. `existing`: the nearest directory that is there. `fault`: why others could change what
 * is there. `refusal`: the errno of a look whether this user may write. `hasInodes`: whether the disk has
 * room for one more file.
 */
export type FilePlace = {
  existing: string;
  fault: { problem: string; remedy: string } | undefined;
  refusal: string | undefined;
  freeBytes: number;
  hasInodes: boolean;
};

/** An obstacle: why nothing can be written there, and what to do. */
export type Obstacle = { text: string; remedy: string };

/**
 * Looks at a directory, or at the nearest one above it that is there. `file` is looked at for the right to
 * write, if it is given. Resolves with undefined where a look could hang, or is not allowed.
 */
export async function lookAtPlace(
  directory: string,
  { groups, file }: Pick<PathTrust, "groups"> & { file?: string | undefined },
): Promise<FilePlace | undefined> {
  const existing = findExisting(directory);
  if (existing === undefined) return undefined;
  const space = await statfs(existing);
  return {
    existing,
    fault: findPathFault(existing, { uid: ourUid(), groups }),
    refusal: await access(file ?? existing, constants.W_OK).then(
      () => undefined,
      (thrown: unknown) => errnoOf(thrown) ?? "unknown",
    ),
    freeBytes: space.bavail * space.bsize,
    // Some file systems count none.
    hasInodes: space.files === 0 || space.ffree > 0,
  };
}

const MIB = 1024 * 1024;
const LEAST_BYTES = MIB;

/** Returns what prevents the daemon from writing to `shown`, which is in this place. */
export function findObstacle(shown: string, place: Omit<FilePlace, "fault">): Obstacle | undefined {
  const { existing, refusal, freeBytes } = place;
  if (refusal === "EROFS")
    return {
      text: `${shown} is on a file system that is mounted read-only`,
      remedy: `See why: findmnt -T ${shellWord(existing)}`,
    };
  if (refusal !== undefined)
    return {
      text: `${shown} cannot be written (${refusal})`,
      remedy: `Look at it: ls -ld ${shellWord(existing)}`,
    };
  if (freeBytes < LEAST_BYTES)
    return {
      text: `the disk of ${shown} is full: ${formatRoom(freeBytes)} are free`,
      remedy: freeRemedy(existing),
    };
  return undefined;
}

/** Returns why no file can be added to the place. */
export function findLackOfInodes(shown: string, { existing, hasInodes }: FilePlace): Obstacle | undefined {
  if (hasInodes) return undefined;
  return {
    text: `the disk of ${shown} has no inode left, so no file can be added to it`,
    remedy: `Find directories with many files: du --inodes -xS ${diskOf(existing)} | sort -n | tail`,
  };
}

/** Formats a number of bytes. */
export function formatRoom(bytes: number): string {
  return bytes < 10 * MIB ? `${Math.floor(bytes / 1024)} KiB` : `${Math.floor(bytes / MIB)} MiB`;
}

/** Returns the command that finds what fills the disk of a directory. */
export function freeRemedy(directory: string): string {
  return `Find large files on it: du -xh --max-depth=3 ${diskOf(directory)} | sort -h | tail`;
}

/** The large files may be elsewhere on the disk. */
function diskOf(directory: string): string {
  return `"$(findmnt -no TARGET -T ${shellWord(directory)})"`;
}
