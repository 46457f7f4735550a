/** The audit file itself: opens it safely, appends whole lines, and rotates it by size. */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { NegotiatorError } from "../errors.ts";
import { findOwnershipFault, ourUid } from "../trust/ownership.ts";
import type { TrustFault } from "../trust/ownership.ts";
import { findPathFault } from "../trust/path-trust.ts";

/**
 * When the file would grow past `maxBytes`, `path` becomes `path.1`, that becomes `path.2`, up to
 * `path.KEEP`.
 */
export type AuditFileOptions = { path: string; maxBytes: number; keep: number };

/**
 * All functions throw `BAD_CONFIG` for an unsafe file or place, and otherwise the errors of the system calls.
 */
export type AuditFile = {
  /** Opens the file if it is not open. */
  open: () => void;
  /** Appends a line and its end. */
  write: (line: string) => void;
  /** Closes the file. The next `open` or `write` opens the file that has the name then. */
  close: () => void;
};

/**
 * Returns the file, not open yet. It gets mode 0640; a missing directory is created with mode 0750. Several
 * processes may share the file.
 */
export function createAuditFile({ path, maxBytes, keep }: AuditFileOptions): AuditFile {
  let file: OpenFile | undefined;

  function close(): void {
    const open = file;
    file = undefined;
    if (open !== undefined) closeSync(open.descriptor);
  }

  function openFor(bytes: number): OpenFile {
    // Another process may have rotated the file.
    if (file !== undefined && !isStillNamed(path, file)) close();
    file ??= openFile(path);
    const { size } = fstatSync(file.descriptor);
    if (size === 0 || size + bytes <= maxBytes) return file;
    close();
    rotate(path, keep);
    file = openFile(path);
    return file;
  }

  return {
    open: () => void openFor(0),
    write(line) {
      const bytes = Buffer.from(`${line}\n`);
      const { descriptor } = openFor(bytes.length + 1);
      // A crash or a full disk may have left half a line at the end, so the new line starts after a line end.
      writeWhole(descriptor, endsMidLine(descriptor) ? Buffer.concat([LINE_END, bytes]) : bytes);
    },
    close,
  };
}

type OpenFile = { descriptor: number; device: number; inode: number };

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants;

function openFile(path: string): OpenFile {
  mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
  // On Ubuntu a group may write to /var/log, so directories of groups are accepted.
  const placeFault = findPathFault(dirname(path), { uid: ourUid(), groups: "meant" });
  if (placeFault !== undefined) throw unsafeFile(path, placeFault);
  // Without O_NONBLOCK, opening a device may wait.
  const descriptor = openSync(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o640);
  const status = fstatSync(descriptor);
  const fault = status.isFile() ? findOwnershipFault(status, ourUid(), path) : NOT_A_FILE;
  if (fault === undefined) return { descriptor, device: status.dev, inode: status.ino };
  closeSync(descriptor);
  throw unsafeFile(path, fault);
}

const NOT_A_FILE = { problem: "it is not a regular file", remedy: "Remove it" };

function unsafeFile(
  path: string,
  { problem, remedy }: Pick<TrustFault, "problem" | "remedy">,
): NegotiatorError {
  return new NegotiatorError("BAD_CONFIG", `Cannot write the audit file "${path}": ${problem}`, {
    remedy: `${remedy}, or set another path for the audit file.`,
  });
}

function isStillNamed(path: string, { device, inode }: OpenFile): boolean {
  const named = lstatSync(path, { throwIfNoEntry: false });
  return named?.ino === inode && named.dev === device;
}

const LINE_END = Buffer.from("\n");

function endsMidLine(descriptor: number): boolean {
  const { size } = fstatSync(descriptor);
  const last = Buffer.alloc(1);
  return size > 0 && readSync(descriptor, last, 0, 1, size - 1) === 1 && !last.equals(LINE_END);
}

/** If only a part fits, the attempt to write the rest throws the reason. */
function writeWhole(descriptor: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length;) written += writeSync(descriptor, bytes, written);
}

/** Removes the oldest file and renames the others. With `keep` 0 the file itself is the oldest. */
function rotate(path: string, keep: number): void {
  rmSync(keep === 0 ? path : `${path}.${keep}`, { force: true });
  for (let number = keep - 1; number >= 0; number--) {
    const from = number === 0 ? path : `${path}.${number}`;
    if (lstatSync(from, { throwIfNoEntry: false }) !== undefined) renameSync(from, `${path}.${number + 1}`);
  }
}
