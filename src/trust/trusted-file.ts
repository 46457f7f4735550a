/** Reads a file that we go by, such as the config: opened once, so that what is read is what was looked at. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, readSync } from "node:fs";
import type { Stats } from "node:fs";
import { resolve } from "node:path";
import { errnoOf, NegotiatorError } from "../errors.ts";
import { findOwnershipFault, ourUid } from "./ownership.ts";
import type { OwnershipFault } from "./ownership.ts";
import { findPathFault } from "./path-trust.ts";
import { printable } from "../printable.ts";

/**
 * The text of a file, or undefined when there is none. Throws `BAD_CONFIG` when it is there and cannot be read, or when
 * somebody may write to it, or put another in its place, who is neither root nor us. A pipe of ours, such as a shell's `<(…)`, is read to its end; one
 * that nobody writes to is refused.
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

/** O_NONBLOCK because opening a pipe waits until somebody writes to it. */
function openFile(path: string): number | undefined {
  try {
    return openSync(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  } catch (thrown) {
    if (errnoOf(thrown) !== "ENOENT") throw unreadable(path, thrown);
    if (!isLink(path)) return undefined;
    throw unreadable(path, new Error("it is a symbolic link that leads nowhere", { cause: thrown }));
  }
}

/** Somebody has made such a link on purpose: what it should lead to is wanted, and its absence is no default. */
function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

/**
 * What is written to a device, such as /dev/null, is not what is read from it: only its owner counts. A pipe of a shell,
 * or a file that was deleted since it was opened, is in no directory. A directory cannot be read, whosever it is.
 */
function findFault(path: string, status: Stats): OwnershipFault | undefined {
  const { uid, mode } = status;
  if (status.isDirectory()) return undefined;
  const own = findOwnershipFault({ uid, mode: status.isCharacterDevice() ? 0 : mode }, ourUid(), path);
  if (own !== undefined || !status.isFile() || status.nlink === 0) return own;
  return findPathFault(resolve(path), { uid: ourUid(), groups: "own" });
}

/** Without a writer a pipe ends at once, so an empty text would stand for one that nobody has written. */
function readPipe(descriptor: number): string {
  const pieces: Buffer[] = [];
  for (let piece = readPiece(descriptor); piece.length > 0; piece = readPiece(descriptor)) pieces.push(piece);
  if (pieces.length === 0) throw new Error("it is a pipe, and nobody writes to it");
  return Buffer.concat(pieces).toString();
}

const PIECE_BYTES = 65_536;

/** Empty at the end. EAGAIN says that there is a writer, so a descriptor that waits will be told all the rest. */
function readPiece(descriptor: number): Buffer {
  const piece = Buffer.alloc(PIECE_BYTES);
  try {
    return piece.subarray(0, readSync(descriptor, piece));
  } catch (thrown) {
    if (errnoOf(thrown) !== "EAGAIN") throw thrown;
    return readFileSync(`/proc/self/fd/${descriptor}`);
  }
}

function unreadable(path: string, thrown: unknown): NegotiatorError {
  if (thrown instanceof NegotiatorError) return thrown;
  const message = `Cannot read the file "${path}": ${NegotiatorError.from(thrown).message}`;
  return new NegotiatorError("BAD_CONFIG", printable(message), { cause: thrown });
}
