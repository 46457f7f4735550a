/** The record of what was called: one JSON line for each denied and each finished call, in a file that rotates by size. */
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
import { createAuditLimit } from "./audit-limit.ts";
import { formatAuditLine, formatLeftOut } from "./audit-line.ts";
import type { AuditEntry } from "./audit-line.ts";
import { errnoOf, NegotiatorError } from "../errors.ts";
import { findOwnershipFault, ourUid } from "../trust/ownership.ts";
import type { OwnershipFault } from "../trust/ownership.ts";
import { findPathFault } from "../trust/path-trust.ts";

/**
 * `maxBytes` is the size past which `path` becomes `path.1`, that `path.2`, and so on up to `path.KEEP`. With
 * `redactArguments` lines have the number of arguments and their digest instead of the arguments. `onProblem` hears of
 * each kind of failure once until writing works again.
 */
export type AuditOptions = {
  path: string;
  maxBytes: number;
  keep: number;
  redactArguments: boolean;
  onProblem: (problem: NegotiatorError) => void;
  /** Milliseconds since 1970. */
  now?: () => number;
};

export type Audit = Disposable & {
  /** Writes one line at once, or counts it as lost or left out; never throws. */
  record: (entry: AuditEntry) => void;
  /** Lets go of the file and opens what has its name now. */
  reopen: () => void;
};

/**
 * Opens the audit file for appending, with mode 0640, in a directory that is made with mode 0750 if it is missing. What
 * somebody besides root and us could change or replace is refused.
 * Never throws: what is wrong goes to `onProblem`, every record tries again, and when writing works again the first line
 * says how many were lost: `{"time", "event":"lost", "lostLines", "since"}`. Several processes may share the file.
 *
 * Of a peer's incoming calls only those are written that `createAuditLimit` admits. How many were left out is the line of
 * `formatLeftOut`, in front of the first entry of any peer after that minute, or the last thing before the end.
 */
export function openAudit(options: AuditOptions): Audit {
  const { path, maxBytes, keep, redactArguments, onProblem, now = Date.now } = options;
  const reported = new Set<string>();
  const limit = createAuditLimit(maxBytes * (keep + 1));
  let file: OpenFile | undefined;
  let lost: { lines: number; since: string } | undefined;
  let isClosed = false;

  function release(): void {
    const held = file;
    file = undefined;
    if (held !== undefined) closeSync(held.descriptor);
  }

  /** The file that has the name now, with room for `bytes` more; another process may have rotated it. */
  function ready(bytes: number): OpenFile {
    if (isClosed) throw new NegotiatorError("CLOSED", `Cannot write the audit file "${path}": it was closed`);
    if (file !== undefined && !isStillNamed(path, file)) release();
    file ??= openFile(path);
    const { size } = fstatSync(file.descriptor);
    if (size === 0 || size + bytes <= maxBytes) return file;
    release();
    rotate(path, keep);
    file = openFile(path);
    return file;
  }

  /** A crash, a full disk or another process may have left half a line at the end; ours must not be glued to it. */
  function write(line: string): void {
    const bytes = Buffer.from(`${line}\n`);
    const { descriptor } = ready(bytes.length + 1);
    writeWhole(descriptor, endsMidLine(descriptor) ? Buffer.concat([LINE_END, bytes]) : bytes);
  }

  function attempt(action: () => void): boolean {
    try {
      action();
      return true;
    } catch (thrown) {
      const problem = describe(path, thrown);
      const kind = problem === thrown ? problem.message : (errnoOf(thrown) ?? problem.message);
      if (!reported.has(kind)) {
        reported.add(kind);
        onProblem(problem);
      }
      return false;
    }
  }

  function put(line: string, time: string): void {
    const isWritten = attempt(() => {
      if (lost !== undefined) {
        write(JSON.stringify({ time, event: "lost", lostLines: lost.lines, since: lost.since }));
        lost = undefined;
      }
      write(line);
    });
    if (isWritten) reported.clear();
    else lost = { lines: (lost?.lines ?? 0) + 1, since: lost?.since ?? time };
  }

  function tellLeftOut(untilMs: number, time: string): void {
    for (const leftOut of limit.settle(untilMs)) put(formatLeftOut(leftOut, time), time);
  }

  attempt(() => ready(0));
  return {
    record(entry) {
      const nowMs = now();
      const time = new Date(nowMs).toISOString();
      tellLeftOut(nowMs, time);
      if (!limit.admit(entry, nowMs)) return;
      const line = formatAuditLine(entry, time, redactArguments);
      put(line, time);
      limit.charge(entry, Buffer.byteLength(line) + LINE_END.length);
    },
    reopen() {
      attempt(release);
      attempt(() => ready(0));
    },
    [Symbol.dispose]() {
      tellLeftOut(Number.POSITIVE_INFINITY, new Date(now()).toISOString());
      attempt(release);
      isClosed = true;
    },
  };
}

type OpenFile = { descriptor: number; device: number; inode: number };

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants;

/**
 * O_NONBLOCK because opening a device may wait. A directory that a group may write to is taken as meant so: /var/log is
 * one on Ubuntu.
 */
function openFile(path: string): OpenFile {
  mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
  const misplaced = findPathFault(dirname(path), { uid: ourUid(), groups: "meant" });
  if (misplaced !== undefined) throw refusal(path, misplaced);
  const descriptor = openSync(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o640);
  const status = fstatSync(descriptor);
  const fault = status.isFile() ? findOwnershipFault(status, ourUid(), path) : NO_FILE;
  if (fault === undefined) return { descriptor, device: status.dev, inode: status.ino };
  closeSync(descriptor);
  throw refusal(path, fault);
}

const NO_FILE = { problem: "it is not a regular file", remedy: "Remove it" };

function refusal(
  path: string,
  { problem, remedy }: Pick<OwnershipFault, "problem" | "remedy">,
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

/** Where only a part fits, the attempt to write the rest says why. */
function writeWhole(descriptor: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length;) written += writeSync(descriptor, bytes, written);
}

/** The oldest falls off the end; with nothing to keep the file itself does. */
function rotate(path: string, keep: number): void {
  rmSync(keep === 0 ? path : `${path}.${keep}`, { force: true });
  for (let number = keep - 1; number >= 0; number--) {
    const from = number === 0 ? path : `${path}.${number}`;
    if (lstatSync(from, { throwIfNoEntry: false }) !== undefined) renameSync(from, `${path}.${number + 1}`);
  }
}

const REMEDIES: Record<string, string> = {
  ENOSPC: "Make room on its file system; calls go on, their lines are lost until then.",
  EDQUOT: "Make room on its file system; calls go on, their lines are lost until then.",
  EACCES: "Let the daemon's user write there, or set another path for the audit file.",
  EPERM: "Let the daemon's user write there, or set another path for the audit file.",
  EROFS: "Set a path for the audit file on a file system that can be written.",
  ELOOP: "It is a symbolic link, which is not followed: remove it, or set another path for the audit file.",
  ENXIO: "It is not a regular file: remove it, or set another path for the audit file.",
};

function describe(path: string, thrown: unknown): NegotiatorError {
  if (thrown instanceof NegotiatorError) return thrown;
  const { message } = NegotiatorError.from(thrown);
  const remedy = REMEDIES[errnoOf(thrown) ?? ""] ?? "Calls go on, their lines are lost until it works again.";
  return new NegotiatorError("INTERNAL", `Cannot write the audit file "${path}": ${message}`, {
    remedy,
    cause: thrown,
  });
}
