/** The audit file itself: opens it safely, appends whole lines, and rotates it by size. */
import {
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  writeSync,
} from "node:fs";
import type { Stats } from "node:fs";
import { dirname } from "node:path";
import { NegotiatorError } from "../errors.ts";
import { findOwnershipFault, ourUid } from "../trust/ownership.ts";
import type { TrustFault } from "../trust/ownership.ts";
import { findPathFault } from "../trust/path-trust.ts";
import { cannotRotate, lockHeld, rotate } from "./rotation.ts";

/**
 * When the file would grow past `maxBytes`, `path` becomes `path.1`, that becomes `path.2`, up to
 * `path.KEEP`.
 */
export type AuditFileOptions = {
  path: string;
  maxBytes: number;
  keep: number;
  /** Takes the lock of an open file for this process, without waiting. Closing the file gives it back. */
  tryLock: (descriptor: number) => boolean;
};

/**
 * All functions throw `BAD_CONFIG` for an unsafe file or place, and otherwise the errors of the system calls.
 */
export type AuditFile = {
  /** Opens the file if it is not open. */
  open: () => void;
  /** Appends lines and their ends. Returns whether they begin the file. */
  write: (lines: readonly string[]) => { isFirst: boolean };
  /** Resolves when the lines so far are on the disk. */
  sync: () => Promise<void>;
  /** Closes the file. The next `open` or `write` opens the file that has the name then. */
  close: () => void;
};

/** A file that cannot be rotated grows up to twice its size, but at least so far. Then its lines are lost. */
const LEAST_GROWTH_BYTES = 1024 * 1024;

/**
 * Returns the file, not open yet. It gets mode 0640; a missing directory is created with mode 0750.
 *
 * Several processes may share the file. The one that has the lock of `path.lock` rotates. A process that
 * does not get it goes on writing, because another one is rotating right now.
 */
export function createAuditFile(
  { path, maxBytes, keep, tryLock }: AuditFileOptions,
  onProblem: (problem: NegotiatorError) => void,
): AuditFile {
  let file: OpenFile | undefined;

  function close(): void {
    const open = file;
    file = undefined;
    if (open !== undefined) release(open);
  }

  function openFor(bytes: number): OpenFile & { size: number } {
    // Another process may have rotated the file.
    const named = file === undefined ? undefined : findNamed(path, file);
    if (named === undefined) close();
    file ??= openFile(path);
    const { size } = named ?? fstatSync(file.descriptor);
    if (size === 0 || size + bytes <= maxBytes) return Object.assign(file, { size });
    const problem = rotateOnce(file);
    if (problem !== undefined) {
      if (size + bytes > maxBytes + Math.max(maxBytes, LEAST_GROWTH_BYTES)) throw problem;
      // Another process that rotates right now needs no mention.
      if (problem.code !== "BUSY") onProblem(problem);
      return Object.assign(file, { size });
    }
    close();
    file = openFile(path);
    return Object.assign(file, { size: fstatSync(file.descriptor).size });
  }

  /** Returns the reason why the file was not rotated. */
  function rotateOnce(full: OpenFile): NegotiatorError | undefined {
    let lock: OpenFile | undefined;
    try {
      lock = openFile(`${path}.lock`, LOCK_MODE);
      if (!tryLock(lock.descriptor)) return lockHeld(path);
      // Another process may have rotated the file before we got the lock.
      if (findNamed(path, full) !== undefined) rotate(path, keep);
      return undefined;
    } catch (thrown) {
      return cannotRotate(path, thrown);
    } finally {
      if (lock !== undefined) release(lock);
    }
  }

  return {
    open: () => void openFor(0),
    write(lines) {
      const bytes = Buffer.from(`${lines.join("\n")}\n`);
      const open = openFor(bytes.length + 1);
      // A crash or a full disk may have left half a line at the end, so the new line starts after a line end.
      const isWhole = open.size === open.endBytes || !endsMidLine(open);
      open.endBytes = undefined;
      writeWhole(open.descriptor, isWhole ? bytes : Buffer.concat([LINE_END, bytes]));
      open.endBytes = open.size + bytes.length + (isWhole ? 0 : LINE_END.length);
      return { isFirst: open.size === 0 };
    },
    async sync() {
      const open = file;
      if (open === undefined) return;
      open.users++;
      try {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        fdatasync(open.descriptor, (error) => (error === null ? resolve() : reject(error)));
        await promise;
      } finally {
        release(open);
      }
    },
    close,
  };
}

/** `endBytes` is the size after our last line. `users` have it open: the file, and each running sync. */
type OpenFile = {
  descriptor: number;
  device: number;
  inode: number;
  endBytes?: number | undefined;
  users: number;
};

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants;
const FILE_MODE = 0o640;
/** No other user may open it, because a reader could hold the lock too. */
const LOCK_MODE = 0o600;

function openFile(path: string, mode = FILE_MODE): OpenFile {
  mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
  // On Ubuntu a group may write to /var/log, so directories of groups are accepted.
  const placeFault = findPathFault(dirname(path), { uid: ourUid(), groups: "meant" });
  if (placeFault !== undefined) throw unsafeFile(path, placeFault);
  // Without O_NONBLOCK, opening a device may wait.
  const descriptor = openSync(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, mode);
  const status = fstatSync(descriptor);
  const fault = status.isFile() ? findOwnershipFault(status, ourUid(), path) : NOT_A_FILE;
  if (fault === undefined) return { descriptor, device: status.dev, inode: status.ino, users: 1 };
  closeSync(descriptor);
  throw unsafeFile(path, fault);
}

/** Closes the file after its last user. A sync in another thread must not meet another file's descriptor. */
function release(open: OpenFile): void {
  open.users--;
  if (open.users === 0) closeSync(open.descriptor);
}

const NOT_A_FILE = { problem: "it is not a regular file", remedy: "Remove it" };

function unsafeFile(
  path: string,
  { problem, remedy }: Pick<TrustFault, "problem" | "remedy">,
): NegotiatorError {
  return new NegotiatorError("BAD_CONFIG", `Cannot write the audit file "${path}": ${problem}`, {
    remedy: `${remedy}\nOr set another path for the audit file, in the setting audit.file`,
  });
}

/** Returns the status of the open file; undefined if the path is that of another file, or of none. */
function findNamed(path: string, { device, inode }: OpenFile): Stats | undefined {
  const named = lstatSync(path, { throwIfNoEntry: false });
  return named?.ino === inode && named.dev === device ? named : undefined;
}

const LINE_END = Buffer.from("\n");

function endsMidLine({ descriptor }: OpenFile): boolean {
  const last = Buffer.alloc(1);
  let before = -1;
  // While another process writes, the file seems to end in its line. Half a line stays as it is.
  for (let look = 0; look < MOST_LOOKS; look++) {
    const { size } = fstatSync(descriptor);
    if (size === 0 || readSync(descriptor, last, 0, 1, size - 1) !== 1 || last.equals(LINE_END)) return false;
    if (size === before) return true;
    before = size;
  }
  return true;
}

const MOST_LOOKS = 10;

/** If only a part fits, the attempt to write the rest throws the reason. */
function writeWhole(descriptor: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length;) written += writeSync(descriptor, bytes, written);
}
