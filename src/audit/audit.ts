/** The record of calls: JSON lines in two files that rotate by size. */
import { join, parse } from "node:path";
import type { AuditFileOptions } from "./audit-file.ts";
import { createAuditLimit, hasRun, kindOf } from "./audit-limit.ts";
import type { ShareKind } from "./audit-limit.ts";
import { formatAuditLine, formatLeftOut } from "./audit-line.ts";
import type { AuditEntry } from "./audit-line.ts";
import { createLineSink } from "./line-sink.ts";
import type { SinkLine } from "./line-sink.ts";
import { openTrail } from "./audit-trail.ts";
import type { LineEnd, Trail, TrailOptions } from "./audit-trail.ts";
import { NegotiatorError } from "../errors.ts";
import { cannotBeWritten, shareIsFull } from "./failure.ts";
import { ourUid } from "../trust/ownership.ts";

/** Options of the audit: its files, its lines, and the receiver of problems. */
export type AuditOptions = AuditFileOptions & {
  /** Lines have the number of arguments and their digest instead of the arguments. */
  redactArguments: boolean;
  /** Whether a call that cannot be written down is counted, or refused. */
  onFull: "count" | "deny";
  /** Whether a call starts only when its line is on the disk. */
  fsync: boolean;
  /** Sends a copy of a line to another program. Throws if that fails. */
  forward?: ((line: string) => void) | undefined;
  /** Gets each kind of failure once, until writing works again. */
  onProblem: (problem: NegotiatorError) => void;
  /** Returns whether there is such a command, so that its left-out calls are counted by its name. */
  isKnown?: ((command: string) => boolean) | undefined;
  /** Makes the files. By default this process writes them. */
  makeTrail?: (options: TrailOptions) => Trail;
  /** Returns milliseconds since 1970. */
  now?: () => number;
};

/** A call whose start the audit knows. Its end has a line if its start has one. */
export type Begun = {
  readonly kind: ShareKind;
  readonly isLeftOut: boolean;
  /** Waits until the start is in the file, or on the disk; rejects with `BUSY`. Undefined: it is. */
  readonly synced: (() => Promise<void>) | undefined;
};

/** Made by `openAudit`. Disposing closes the files; later entries are lost. */
export type Audit = Disposable & {
  /** True if no call may start before `begin` has returned. */
  readonly isStrict: boolean;
  /**
   * Writes the start line of a call that is about to run, or counts it as lost or left out. If `onFull` is
   * `deny`, throws `BUSY` instead of counting it.
   */
  begin: (entry: AuditEntry) => Begun;
  /**
   * Writes one line at once, or counts it as lost or left out. `begun` is what `begin` returned for the call.
   * Never throws.
   */
  record: (entry: AuditEntry, begun?: Begun) => void;
  /** Writes the counts of entries that were left out ten seconds or longer ago. */
  settle: () => void;
  /** Closes the files and opens the ones that have their names now. */
  reopen: () => void;
};

/** Returns the file for calls that ran nothing: `audit-denied.jsonl` beside `audit.jsonl`. */
export function deniedPathOf(path: string): string {
  const { dir, name, ext } = parse(path);
  return join(dir, `${name}-denied${ext}`);
}

/**
 * Opens the audit file for appending: `path` for calls that ran something. Calls that ran nothing go to
 * `deniedPathOf(path)`, which is opened for the first of them. Refuses a file or a directory that another
 * user than root and ours can change.
 *
 * Never throws. A failure goes to `onProblem`, and every entry tries again. When writing works again, the
 * first line has the number of lost lines (`formatLost`). `createAuditLimit` limits the lines of one caller.
 * The count of left-out entries is the line of `formatLeftOut`. It comes after ten seconds, or before the
 * files close.
 */
export function openAudit(options: AuditOptions): Audit {
  const { path, maxBytes, keep, redactArguments, onProblem, makeTrail = openTrail, now = Date.now } = options;
  const isStrict = options.onFull === "deny";
  const limit = createAuditLimit(maxBytes * (keep + 1), ourUid(), options.isKnown);
  const ran = makeTrail(options);
  const denied = makeTrail({ ...options, path: deniedPathOf(path) });
  const copy = createCopy(options.forward, onProblem);
  let settledMs = 0;

  /** A copy does not wait for the file. */
  function write(trail: Trail, line: SinkLine, isRefused = false): LineEnd {
    const end = trail.write(line, isRefused);
    if (end !== false || !isRefused) copy(line);
    return end;
  }

  function writeLeftOut(untilMs: number, time: string): void {
    for (const leftOut of limit.settle(untilMs)) {
      const { counts } = leftOut;
      const text = formatLeftOut(leftOut, time);
      write(leftOut.ran ? ran : denied, { text, time, counts });
      limit.chargeCount(leftOut.ran, Buffer.byteLength(text) + LINE_END_BYTES);
    }
  }

  function enter(): { nowMs: number; time: string } {
    const nowMs = now();
    const time = new Date(nowMs).toISOString();
    // A clock can be set back.
    if (nowMs < settledMs || nowMs - settledMs >= SETTLE_MS) {
      settledMs = nowMs;
      writeLeftOut(nowMs, time);
    }
    return { nowMs, time };
  }

  ran.open();
  return {
    isStrict,
    begin(entry) {
      const { nowMs, time } = enter();
      const start: AuditEntry = { ...entry, event: "start" };
      const kind = kindOf(start);
      if (!limit.admit(start, nowMs, isStrict)) {
        if (isStrict) throw shareIsFull(entry);
        return { kind, isLeftOut: true, synced: undefined };
      }
      const text = formatAuditLine(start, time, redactArguments);
      const end = write(ran, { text, time, command: entry.command }, isStrict);
      if (end === false && isStrict) throw cannotBeWritten(entry);
      limit.charge(start, Buffer.byteLength(text) + LINE_END_BYTES);
      const needsNoWait = end === false || (end === true && !options.fsync);
      return {
        kind,
        isLeftOut: false,
        synced: needsNoWait ? undefined : () => awaitStart(ran, end, entry, options),
      };
    },
    record(entry, begun) {
      const { nowMs, time } = enter();
      if (begun?.isLeftOut ?? !limit.admit(entry, nowMs)) return;
      const kind = begun?.kind ?? kindOf(entry);
      const trail = hasRun(kind) ? ran : denied;
      const text = formatAuditLine(entry, time, redactArguments);
      const end = write(trail, { text, time, command: entry.command });
      limit.charge(entry, Buffer.byteLength(text) + LINE_END_BYTES, kind);
      if (options.fsync && end !== false) trail.sync().catch(() => undefined);
    },
    settle: () => void enter(),
    reopen() {
      ran.reopen();
      denied.reopen();
    },
    [Symbol.dispose]() {
      const time = new Date(now()).toISOString();
      writeLeftOut(Number.POSITIVE_INFINITY, time);
      ran.close(time);
      denied.close(time);
    },
  };
}

const LINE_END_BYTES = 1;
/** Looking at all callers for each line would cost more than the line. */
const SETTLE_MS = 1000;

/** Returns what forwards a line. A failure is reported once, until forwarding works again. */
function createCopy(
  forward: ((line: string) => void) | undefined,
  onProblem: (problem: NegotiatorError) => void,
): (line: SinkLine) => void {
  if (forward === undefined) return () => undefined;
  let isReported = false;
  const sink = createLineSink(
    (lines) => lines.forEach((line) => forward(line)),
    (thrown) => {
      if (!isReported) onProblem(NegotiatorError.from(thrown));
      isReported = true;
    },
  );
  return (line) => {
    if (sink.write(line)) isReported = false;
  };
}

/** Without `onFull = deny` the call goes on when the disk fails or hangs; that has been reported. */
async function awaitStart(
  trail: Trail,
  end: LineEnd,
  entry: AuditEntry,
  { fsync, onFull }: Pick<AuditOptions, "fsync" | "onFull">,
): Promise<void> {
  const isDown = (typeof end === "object" ? await end.wait() : end) === true;
  if (isDown && (!fsync || (await isSynced(trail)))) return;
  if (onFull === "deny") throw cannotBeWritten(entry);
}

async function isSynced(trail: Trail): Promise<boolean> {
  try {
    await trail.sync();
    return true;
  } catch {
    return false;
  }
}
