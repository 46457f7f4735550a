/** Reads trusted files, such as the config, after a check that no other user could have written them. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from "node:fs";
import type { Stats } from "node:fs";
import { resolve } from "node:path";
import { errnoOf, NegotiatorError } from "../errors.ts";
import { decodeFile } from "./file-text.ts";
import { findOwnershipFault, ourUid } from "./ownership.ts";
import type { TrustFault } from "./ownership.ts";
import { findPathFault } from "./path-trust.ts";
import { printable } from "../printable.ts";
import { shellWord } from "../shell-word.ts";

/**
 * Returns the text of a file, or undefined if the file does not exist. Opens the file once and checks the
 * open descriptor, so the file cannot be swapped between check and read. A pipe of our own, such as `<(…)` in
 * a shell, is read to its end.
 *
 * Throws `BAD_CONFIG` if the file cannot be read, has more than 1 MiB, is not UTF-8 or is a device other than
 * /dev/null, if another user than root and ours could write or replace it, and for a pipe without a writer.
 */
export function readTrustedFile(path: string): string | undefined {
  const descriptor = openFile(path);
  if (descriptor === undefined) return undefined;
  try {
    const status = fstatSync(descriptor);
    const fault = findFault(path, status);
    if (fault !== undefined) throw unusable(path, fault.problem, fault.remedy);
    if (isDevice(status)) throw unusable(path, "it is a device, not a file", "Name a file");
    const bytes = readBytes(descriptor, status.isFIFO());
    if (bytes.length > MOST_BYTES) throw unusable(path, `it has more than ${MOST_BYTES} bytes`);
    return decodeFile(bytes, path);
  } catch (thrown) {
    throw unreadable(path, thrown);
  } finally {
    closeSync(descriptor);
  }
}

/** Far more than a config or a policy needs. A pipe or a file that grows could have no end. */
const MOST_BYTES = 1024 * 1024;

/** Linux's number of /dev/null: 1, 3. It is an empty file, and other devices may never end. */
const NULL_DEVICE = 0x103;

function isDevice(status: Stats): boolean {
  return status.isBlockDevice() || (status.isCharacterDevice() && status.rdev !== NULL_DEVICE);
}

function unusable(path: string, problem: string, remedy?: string): NegotiatorError {
  const message = `Cannot use the file "${printable(path)}": ${problem}`;
  return new NegotiatorError("BAD_CONFIG", message, remedy === undefined ? {} : { remedy });
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

/** Returns what the descriptor has, and one byte more than the most at most. */
function readBytes(descriptor: number, isPipe: boolean): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(MOST_BYTES + 1);
  let from = descriptor;
  let length = 0;
  try {
    while (length < bytes.length) {
      try {
        const count = readSync(from, bytes, length, bytes.length - length, null);
        if (count === 0) break;
        length += count;
      } catch (thrown) {
        if (errnoOf(thrown) !== "EAGAIN" || from !== descriptor) throw thrown;
        // EAGAIN means that there is a writer, so a new descriptor that waits reads all the rest.
        from = openSync(`/proc/self/fd/${descriptor}`, O_RDONLY | O_NOCTTY);
      }
    }
  } finally {
    if (from !== descriptor) closeSync(from);
  }
  // A pipe without a writer ends at once, which would look like an empty file.
  if (isPipe && length === 0) throw new Error("it is a pipe without a writer");
  return bytes.subarray(0, length);
}

function unreadable(path: string, thrown: unknown): NegotiatorError {
  if (thrown instanceof NegotiatorError) return thrown;
  const condition = CONDITIONS.get(errnoOf(thrown) ?? "") ?? NegotiatorError.from(thrown).message;
  const message = `Cannot read the file "${path}": ${condition}`;
  return new NegotiatorError("BAD_CONFIG", printable(message), {
    cause: thrown,
    remedy: `Look at it: ls -ld ${shellWord(path)}`,
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
