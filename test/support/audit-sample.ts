/** Owns a sample audit entry. */
import type { AuditEntry } from "../../src/audit/audit-line.ts";

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
