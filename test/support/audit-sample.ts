/** Owns a sample audit entry, options for an audit, and an audit that keeps its entries in memory. */
import type { Audit, AuditOptions, Begun } from "../../src/audit/audit.ts";
import type { AuditEntry } from "../../src/audit/audit-line.ts";
import type { NegotiatorError } from "../../src/errors.ts";
import { tryLockFile } from "../../src/process/libc.ts";

/** The entry of a call that succeeded. */
export const FINISHED: AuditEntry = {
  role: "host",
  direction: "incoming",
  peer: { guest: "web1", uuid: "2b7c3f5e-1d2a-4c3b-9e8f-0a1b2c3d4e5f" },
  callId: "c-1",
  method: "execute",
  command: "uptime",
  args: ["-p"],
  decision: "allowed",
  rule: 2,
  exitCode: 0,
  signal: null,
  endedBy: "command",
  bytes: { stdin: 0, stdout: 12, stderr: 0 },
  durationMs: 3.5,
};

/** Options for `path`, and the problems that were reported. */
export function auditOptions(
  path: string,
  more: Partial<AuditOptions> = {},
): [AuditOptions, NegotiatorError[]] {
  const problems: NegotiatorError[] = [];
  const onProblem = (problem: NegotiatorError): void => void problems.push(problem);
  const options = {
    path,
    maxBytes: 1e6,
    keep: 2,
    tryLock: tryLockFile,
    redactArguments: false,
    onFull: "count",
    fsync: false,
    onProblem,
  } as const;
  return [{ ...options, ...more }, problems];
}

/** Returns an audit that passes its entries on, those about starts only to `onBegin`. */
export function keepEntries(
  onRecord: (entry: AuditEntry) => void,
  onBegin: (entry: AuditEntry) => void = () => undefined,
): Pick<Audit, "isStrict" | "begin" | "record"> {
  return {
    isStrict: false,
    begin(entry): Begun {
      onBegin(entry);
      return { kind: "command", isLeftOut: false, synced: undefined };
    },
    record: onRecord,
  };
}
