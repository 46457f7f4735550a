/** Reads trusted files, such as the config, after a check that no other user could have written them. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, readSync } from "node:fs";
import type { Stats } from "node:fs";
import { resolve } from "node:path";
import { errnoOf, NegotiatorError } from "../errors.ts";
import { findOwnershipFault, ourUid } from "./ownership.ts";
import type { TrustFault } from "./ownership.ts";
import { findPathFault } from "./path-trust.ts";
import { printable } from "../printable.ts";

/**
 * Returns the text of a file, or undefined if the file does not exist. Opens the file once and checks the
 * open descriptor, so the file cannot be swapped between check and read. A pipe of our own, such as `<(…)` in
 * a shell, is read to its end.
 *
 * Throws `BAD_CONFIG` if the file cannot be read, if another user than root and ours could write or replace
 * it, and for a pipe that has no writer.
 */
export function readTrustedFile(path: string): string | undefined {
  const descriptor = openFile(path);
  if (descriptor === undefined) return undefined;
  try {
    const status = fstatSync(descriptor);
    const fault = findFault(path, status);
    if (fault === undefined) return status.isFIFO() ? readPipe(descriptor) : readFileSync(descriptor, "utf8");
    throw new NegotiatorError("BAD_CONFIG", `Cannot use the file "${printable(path)}": ${fault.problem}`, {
      remedy: fault.remedy,
    });
  } catch (thrown) {
    throw unreadable(path, thrown);
  } finally {
    closeSync(descriptor);
  }
}

const { O_NOCTTY, O_NONBLOCK, O_RDONLY } = constants;

function openFile(path: string): number | undefined {
  try {
    // Without O_NONBLOCK, opening a pipe would wait for a writer.
    return openSync(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  } catch (thrown) {
    if (errnoOf(thrown) !== "ENOENT") throw unreadable(path, thrown);
    // The link was made on purpose, so a missing target is an error and not an absent file.
    if (!isLink(path)) return undefined;
    throw unreadable(path, new Error("it is a symbolic link that leads nowhere", { cause: thrown }));
  }
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

function findFault(path: string, status: Stats): TrustFault | undefined {
  const { uid, mode } = status;

  if (status.isDirectory()) return undefined;
  // A device such as /dev/null does not return what others write to it, so its mode does not matter.
  const own = findOwnershipFault({ uid, mode: status.isCharacterDevice() ? 0 : mode }, ourUid(), path);
  // A pipe of a shell and a deleted file are in no directory that could be checked.
  if (own !== undefined || !status.isFile() || status.nlink === 0) return own;
  return findPathFault(resolve(path), { uid: ourUid(), groups: "own" });
}

function readPipe(descriptor: number): string {
  const pieces: Buffer[] = [];
  for (let piece = readPiece(descriptor); piece.length > 0; piece = readPiece(descriptor)) pieces.push(piece);
  // A pipe without a writer ends at once, which would look like an empty file.
  if (pieces.length === 0) throw new Error("it is a pipe without a writer");
  return Buffer.concat(pieces).toString();
}

const PIECE_BYTES = 65_536;

function readPiece(descriptor: number): Buffer {
  const piece = Buffer.alloc(PIECE_BYTES);
  try {
    return piece.subarray(0, readSync(descriptor, piece));
  } catch (thrown) {
    if (errnoOf(thrown) !== "EAGAIN") throw thrown;
    // EAGAIN means that there is a writer, so a new descriptor that waits reads all the rest.
    return readFileSync(`/proc/self/fd/${descriptor}`);
  }
}

function unreadable(path: string, thrown: unknown): NegotiatorError {
  if (thrown instanceof NegotiatorError) return thrown;
  const condition = CONDITIONS.get(errnoOf(thrown) ?? "") ?? NegotiatorError.from(thrown).message;
  const message = `Cannot read the file "${path}": ${condition}`;
  return new NegotiatorError("BAD_CONFIG", printable(message), {
    cause: thrown,
    remedy: `Look at it: ls -ld ${printable(path)}`,
  });
}

/** Source: open(2), read(2). */
const CONDITIONS: ReadonlyMap<string, string> = new Map([
  ["EACCES", "this user may not read it"],
  ["EIO", "its disk has an error"],
  ["EISDIR", "it is a directory"],
  ["ELOOP", "its symbolic links form a loop"],
  ["ENAMETOOLONG", "the path is too long"],
  ["ENOTDIR", "a part of the path is not a directory"],
  ["ENXIO", "it is a socket, or a device that is not there"],
]);
