/** One file of the audit with its count of lost lines. Reports each kind of failure once. */
import { createAuditFile } from "./audit-file.ts";
import type { AuditFileOptions } from "./audit-file.ts";
import { createLineSink } from "./line-sink.ts";
import type { LineSink, SinkLine } from "./line-sink.ts";
import { errnoOf, NegotiatorError } from "../errors.ts";
import { explainWriteFailure } from "./failure.ts";

/** A line that another process writes. `wait` says whether it is in the file, or that this takes too long. */
export type WaitingLine = { wait: () => Promise<boolean | "late"> };

/** Whether the file has a line, or what waits for that. */
export type LineEnd = boolean | WaitingLine;

/** A file of the audit. No function throws. */
export type Trail = {
  /** Opens the file if it is not open. */
  open: () => void;
  /** As `LineSink` does. */
  write: (line: SinkLine, isRefused?: boolean) => LineEnd;
  /** Resolves when the lines so far are on the disk. Rejects if they are not; that is reported too. */
  sync: () => Promise<void>;
  /** Closes the file and opens the one that has its name now. */
  reopen: () => void;
  /** Closes the file for good. Later lines are lost, and the first one is reported. */
  close: (time: string) => void;
};

/** Made by `openTrail`: it writes each line at once. */
export type FileTrail = Omit<Trail, "write"> & Pick<LineSink, "write">;

/** Options of a trail. */
export type TrailOptions = AuditFileOptions & {
  /** Gets each kind of failure once, until writing works again. */
  onProblem: (problem: NegotiatorError) => void;
};

/** Returns the trail of a file, which is not open yet. */
export function openTrail({ onProblem, ...options }: TrailOptions): FileTrail {
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
  const sink = createLineSink(put, reportFailure);

  return {
    open: () => attempt(file.open),
    write: sink.write,
    async sync() {
      try {
        await file.sync();
      } catch (thrown) {
        reportFailure(thrown);
        throw thrown;
      }
    },
    reopen() {
      attempt(file.close);
      if (!isClosed) attempt(file.open);
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
