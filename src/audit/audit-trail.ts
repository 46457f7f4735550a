/** One file of the audit with its count of lost lines. Reports each kind of failure once. */
import { createAuditFile } from "./audit-file.ts";
import type { AuditFileOptions } from "./audit-file.ts";
import { createLineSink } from "./line-sink.ts";
import type { LineSink } from "./line-sink.ts";
import { errnoOf, NegotiatorError } from "../errors.ts";
import { isDiskFrozen, untilDiskThaws } from "../frozen-disk.ts";
import { explainWriteFailure } from "./failure.ts";

/** Made by `openTrail`. No function throws. */
export type Trail = {
  /** Opens the file if it is not open. */
  open: () => void;
  write: LineSink["write"];
  /** Resolves when the lines so far are on the disk. Rejects if they are not; that is reported too. */
  sync: () => Promise<void>;
  /** Closes the file and opens the one that has its name now. */
  reopen: () => void;
  /** Closes the file for good. Later lines are lost, and the first one is reported. */
  close: (time: string) => void;
};

/** Options of a trail. */
export type TrailOptions = AuditFileOptions & {
  /** Gets each kind of failure once, until writing works again. */
  onProblem: (problem: NegotiatorError) => void;
};

/** Returns the trail of a file, which is not open yet. */
export function openTrail({ onProblem, ...options }: TrailOptions): Trail {
  const { path } = options;
  const reported = new Set<string>();
  let isClosed = false;

  const report = (kind: string, problem: NegotiatorError): void => {
    if (reported.has(kind)) return;
    reported.add(kind);
    onProblem(problem);
  };
  const reportFailure = (thrown: unknown): void => {
    const problem = explainWriteFailure(path, thrown);
    report(problem === thrown ? problem.message : (errnoOf(thrown) ?? problem.message), problem);
  };
  const attempt = (action: () => void): void => {
    try {
      action();
    } catch (thrown) {
      reportFailure(thrown);
    }
  };
  const file = createAuditFile(options, (problem) => report(ROTATION, problem));
  const put = (lines: readonly string[]): void => {
    if (isClosed) throw new NegotiatorError("CLOSED", `Cannot write the audit file "${path}": it was closed`);
    const { isFirst } = file.write(lines);
    // Rotation works again if a line begins a file.
    const isRotationBroken = reported.has(ROTATION) && !isFirst;
    reported.clear();
    if (isRotationBroken) reported.add(ROTATION);
  };
  const held = createHeldLines((lines) => attempt(() => put(lines)));
  const sink = createLineSink((lines) => (isDiskFrozen() ? held.add(lines) : put(lines)), reportFailure);

  return {
    open() {
      // A new file is a write too. The first line opens it.
      if (!isDiskFrozen()) attempt(file.open);
    },
    write: sink.write,
    async sync() {
      await untilDiskThaws();
      try {
        await file.sync();
      } catch (thrown) {
        reportFailure(thrown);
        throw thrown;
      }
    },
    reopen() {
      attempt(file.close);
      if (!isClosed && !isDiskFrozen()) attempt(file.open);
    },
    close(time) {
      const loss = isClosed ? undefined : sink.end(time);
      if (loss !== undefined) onProblem(loss);
      attempt(file.close);
      isClosed = true;
    },
  };
}

const ROTATION = "rotation";

/** Most bytes of lines that wait for a thaw. Further ones are lost, and counted. */
const HELD_BYTES = 1024 * 1024;

/** Keeps lines in memory while file systems are frozen, and hands them to `put` after the thaw. */
function createHeldLines(put: (lines: readonly string[]) => void): { add(lines: readonly string[]): void } {
  let held: string[] = [];
  let bytes = 0;
  const flush = async (): Promise<void> => {
    await untilDiskThaws();
    const lines = held;
    held = [];
    bytes = 0;
    put(lines);
  };
  return {
    add(lines) {
      const more = lines.reduce((sum, line) => sum + line.length, 0);
      if (bytes + more > HELD_BYTES) throw new NegotiatorError("BUSY", "File systems are frozen");
      if (held.length === 0) void flush();
      held.push(...lines);
      bytes += more;
    },
  };
}
