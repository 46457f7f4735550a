/** The record of denied and finished calls: JSON lines in a file that rotates by size. */
import { createAuditFile } from "./audit-file.ts";
import type { AuditFileOptions } from "./audit-file.ts";
import { createAuditLimit } from "./audit-limit.ts";
import { formatAuditLine, formatLeftOut } from "./audit-line.ts";
import type { AuditEntry } from "./audit-line.ts";
import { errnoOf, NegotiatorError } from "../errors.ts";

/** Options of the audit: its file, its lines, and the receiver of problems. */
export type AuditOptions = AuditFileOptions & {
  /** Lines have the number of arguments and their digest instead of the arguments. */
  redactArguments: boolean;
  /** Gets each kind of failure once, until writing works again. */
  onProblem: (problem: NegotiatorError) => void;
  /** Returns milliseconds since 1970. */
  now?: () => number;
};

/** Made by `openAudit`. Disposing closes the file; later entries are lost. */
export type Audit = Disposable & {
  /** Writes one line at once, or counts it as lost or left out. Never throws. */
  record: (entry: AuditEntry) => void;
  /** Closes the file and opens the one that has its name now. */
  reopen: () => void;
};

/**
 * Opens the audit file for appending, and refuses a file or a directory that another user than root and ours
 * can change.
 *
 * Never throws. A failure goes to `onProblem`, and every record tries again. When writing works again, the
 * first line has the number of lost lines: `{"time", "event":"lost", "lostLines", "since"}`.
 *
 * `createAuditLimit` limits the incoming calls of one peer. The count of left-out entries is
 * the line of `formatLeftOut`. It comes before the first entry after that minute, or before the file closes.
 */
export function openAudit(options: AuditOptions): Audit {
  const { path, maxBytes, keep, redactArguments, onProblem, now = Date.now } = options;
  const reported = new Set<string>();
  const limit = createAuditLimit(maxBytes * (keep + 1));
  const file = createAuditFile({ path, maxBytes, keep });
  let lost: { lines: number; since: string } | undefined;
  let isClosed = false;

  function attempt(action: () => void): boolean {
    try {
      action();
      return true;
    } catch (thrown) {
      const problem = explainFailure(path, thrown);
      const kind = problem === thrown ? problem.message : (errnoOf(thrown) ?? problem.message);
      if (!reported.has(kind)) {
        reported.add(kind);
        onProblem(problem);
      }
      return false;
    }
  }

  function write(line: string, time: string): void {
    const isWritten = attempt(() => {
      if (isClosed) throw closed(path);
      if (lost !== undefined) {
        file.write(JSON.stringify({ time, event: "lost", lostLines: lost.lines, since: lost.since }));
        lost = undefined;
      }
      file.write(line);
    });
    if (isWritten) reported.clear();
    else lost = { lines: (lost?.lines ?? 0) + 1, since: lost?.since ?? time };
  }

  function writeLeftOut(untilMs: number, time: string): void {
    for (const leftOut of limit.settle(untilMs)) write(formatLeftOut(leftOut, time), time);
  }

  attempt(file.open);
  return {
    record(entry) {
      const nowMs = now();
      const time = new Date(nowMs).toISOString();
      writeLeftOut(nowMs, time);
      if (!limit.admit(entry, nowMs)) return;
      const line = formatAuditLine(entry, time, redactArguments);
      write(line, time);
      limit.charge(entry, Buffer.byteLength(line) + LINE_END_BYTES);
    },
    reopen() {
      attempt(file.close);
      attempt(() => {
        if (isClosed) throw closed(path);
        file.open();
      });
    },
    [Symbol.dispose]() {
      writeLeftOut(Number.POSITIVE_INFINITY, new Date(now()).toISOString());
      attempt(file.close);
      isClosed = true;
    },
  };
}

const LINE_END_BYTES = 1;

const REMEDIES: Record<string, string> = {
  ENOSPC: "Make room on its file system; calls go on, their lines are lost until then.",
  EDQUOT: "Make room on its file system; calls go on, their lines are lost until then.",
  EACCES: "Let the daemon's user write there, or set another path for the audit file.",
  EPERM: "Let the daemon's user write there, or set another path for the audit file.",
  EROFS: "Set a path for the audit file on a file system that can be written.",
  ELOOP: "It is a symbolic link, which is not followed: remove it, or set another path for the audit file.",
  ENXIO: "It is not a regular file: remove it, or set another path for the audit file.",
};

function explainFailure(path: string, thrown: unknown): NegotiatorError {
  if (thrown instanceof NegotiatorError) return thrown;
  const { message } = NegotiatorError.from(thrown);
  const remedy = REMEDIES[errnoOf(thrown) ?? ""] ?? "Calls go on, their lines are lost until it works again.";
  return new NegotiatorError("INTERNAL", `Cannot write the audit file "${path}": ${message}`, {
    remedy,
    cause: thrown,
  });
}

function closed(path: string): NegotiatorError {
  return new NegotiatorError("CLOSED", `Cannot write the audit file "${path}": it was closed`);
}
