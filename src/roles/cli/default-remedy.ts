/** Says what to do about errors that have no remedy. Most of them come from the other side. */
import { NegotiatorError } from "../../errors.ts";
import type { FaultCode } from "../../errors.ts";
import { otherRole } from "../../peers/dialect-table.ts";
import type { Role } from "../../peers/dialect.ts";

/** Returns the error with a remedy. `role` is that of the command line. */
export function addRemedy(error: NegotiatorError, role: Role): NegotiatorError {
  if (error.message.includes("\n")) return error;
  const { code, message, data, cause } = error;
  return new NegotiatorError(code, message, { data, cause, remedy: REMEDIES[code](role) });
}

type Remedy = (role: Role) => string;

const compareReleases: Remedy = (role) =>
  `Compare the releases of both sides: negotiator --version\n${readLog(role)}`;
const readLog: Remedy = (role) => `Read the log: journalctl -u negotiator-${role}`;
const readOtherLog: Remedy = (role) =>
  `Read the log of the other side: journalctl -u negotiator-${otherRole(role)}`;
const readAudit: Remedy = () =>
  "Look how the call ended, in the audit of the other side: tail /var/log/negotiator/audit.jsonl";
const showStatus: Remedy = (role) => `Look at the state: negotiator ${role} status`;

const REMEDIES: Readonly<Record<FaultCode, Remedy>> = {
  BAD_FRAME: compareReleases,
  BAD_REQUEST: compareReleases,
  UNKNOWN_METHOD: compareReleases,
  UNSUPPORTED: compareReleases,
  BAD_USAGE: (role) => `Read the help: negotiator ${role} --help`,
  BAD_CONFIG: (role) => `Look for mistakes: negotiator ${role} check-config`,
  DENIED: (role) =>
    role === "host"
      ? "Ask in the guest which rule decides: negotiator guest check-policy COMMAND"
      : "Ask on the host which rule decides: negotiator host check-policy GUEST COMMAND",
  NOT_EXECUTABLE: readOtherLog,
  NO_COMMAND: (role) =>
    `List the commands: negotiator ${role} list-commands${role === "host" ? " GUEST" : ""}`,
  NO_GUEST: showStatus,
  NO_CHANNEL: showStatus,
  BUSY: (role) => `Wait, and look at the calls: negotiator ${role} status`,
  TOO_LARGE: () => "Send less, or send it on standard input",
  TIMEOUT: readAudit,
  CLOSED: readAudit,
  UNKNOWN_OUTCOME: readAudit,
  NO_CALL: readAudit,
  CANCELLED: () => "Call again, if it was not meant",
  INTERNAL: readLog,
};
