/** Reads files that were judged by their status: what is read is what was judged. */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import type { Stats } from "node:fs";
import { NegotiatorError } from "../errors.ts";
import { printable } from "../printable.ts";

/** The facts that make a file the same file: another content changes at least one of them. */
export type Identity = Pick<Stats, "dev" | "ino" | "mode" | "uid" | "gid" | "size" | "mtimeMs" | "ctimeMs">;

/** Returns whether two looks saw the same file with the same content, owner and mode. */
export function isSameFile(one: Identity, other: Identity): boolean {
  return (
    isSamePlace(one, other) &&
    one.size === other.size &&
    one.mtimeMs === other.mtimeMs &&
    one.ctimeMs === other.ctimeMs
  );
}

/** Returns whether two looks saw the same file or directory with the same owner and mode. */
export function isSamePlace(one: Identity, other: Identity): boolean {
  return (
    one.dev === other.dev &&
    one.ino === other.ino &&
    one.mode === other.mode &&
    one.uid === other.uid &&
    one.gid === other.gid
  );
}

/**
 * Returns the first bytes of the regular file at `path`, at most `mostBytes`. Throws `BUSY` if the open file
 * is not the one with that status, and the errors of `open` and `read`. Never waits for another process.
 */
export function readJudged(path: string, status: Identity, mostBytes: number): Uint8Array {
  const { O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
  const descriptor = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  try {
    const opened = fstatSync(descriptor);
    if (!opened.isFile() || !isSameFile(opened, status)) throw changed(path);
    const bytes = readAtMost(descriptor, mostBytes);
    if (!isSameFile(fstatSync(descriptor), status)) throw changed(path);
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}

/** Returns the next bytes of a descriptor, at most `mostBytes`; fewer only at the end. */
function readAtMost(descriptor: number, mostBytes: number): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(mostBytes);
  let length = 0;
  while (length < mostBytes) {
    const count = readSync(descriptor, bytes, length, mostBytes - length, null);
    if (count === 0) break;
    length += count;
  }
  return bytes.subarray(0, length);
}

function changed(path: string): NegotiatorError {
  return new NegotiatorError("BUSY", `Cannot read "${printable(path)}": it was changed at this moment`, {
    remedy: "Try again",
  });
}
