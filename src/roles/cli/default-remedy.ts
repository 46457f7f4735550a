/** Says what to do about errors that have no remedy. Most of them come from the other side. */
import { NegotiatorError } from "../../errors.ts";
import type { FaultCode } from "../../errors.ts";
import { otherRole } from "../../peers/dialect-table.ts";
import type { Role } from "../../peers/dialect.ts";
import { printable } from "../../printable.ts";
import { shellArguments, shellWord } from "../../shell-word.ts";

/** The guest and the command that the command line names, and the arguments of the command. */
export type CalledNames = {
  guest?: string | undefined;
  command?: string | undefined;
  args?: readonly string[];
};

/**
 * Returns the error with a remedy. `role` is that of the command line. The remedy has the `names` that are
 * known, as a shell takes them.
 */
export function addRemedy(error: NegotiatorError, role: Role, names: CalledNames = {}): NegotiatorError {
  if (error.message.includes("\n")) return error;
  const { code, message, data, cause } = error;
  return new NegotiatorError(code, message, { data, cause, remedy: REMEDIES[code](role, names) });
}

type Remedy = (role: Role, names: CalledNames) => string;

const guestWord = ({ guest }: CalledNames): string => (guest === undefined ? "GUEST" : shellWord(guest));
const commandWords = ({ command, args = [] }: CalledNames): string =>
  command === undefined ? "COMMAND" : `${shellWord(command)}${shellArguments(args)}`;

/** On a host the guest's name comes first, so it is written in guests too. */
function leaveOutGuest(role: Role, { command, args = [] }: CalledNames): string {
  const [first = ""] = args;
  if (role === "host" || command === undefined || !/^[A-Za-z0-9][\w.-]*$/.test(first)) return "";
  const right = `negotiator guest execute ${shellArguments(args).trim()}`;
  return `\nLeave out the guest's name, if "${printable(command)}" is one: ${right}`;
}

const compareReleases: Remedy = (role, names) =>
  `Compare the releases of both sides: negotiator --version\n${readLog(role, names)}`;
const readLog: Remedy = (role) =>
  `Read the log, at the daemon's terminal or with: journalctl -u negotiator-${role}`;
const readOtherLog: Remedy = (role) =>
  `Read the log ${role === "host" ? "in the guest" : "on the host"}, at the daemon's terminal or with: ` +
  `journalctl -u negotiator-${otherRole(role)}`;
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
  DENIED: (role, names) =>
    role === "host"
      ? `Ask in the guest which rule decides: negotiator guest check-policy ${commandWords(names)}`
      : `Ask on the host which rule decides: negotiator host check-policy GUEST ${commandWords(names)}` +
        leaveOutGuest(role, names),
  NOT_EXECUTABLE: readOtherLog,
  NO_COMMAND: (role, names) =>
    `List the commands: negotiator ${role} list-commands${role === "host" ? ` ${guestWord(names)}` : ""}\n` +
    `Put a script into /etc/negotiator/commands ${role === "host" ? "in the guest" : "on the host"} ` +
    `to offer another program${leaveOutGuest(role, names)}`,
  NO_GUEST: showStatus,
  NO_CHANNEL: showStatus,
  BUSY: (role) => `Wait, and look at the calls: negotiator ${role} status`,
  TOO_LARGE: () => "Send less, or send it on standard input",
  TIMEOUT: readAudit,
  // Only calls that were not sent have it.
  CLOSED: showStatus,
  UNKNOWN_OUTCOME: readAudit,
  NO_CALL: readAudit,
  CANCELLED: () => "Call again, if it was not meant",
  INTERNAL: readLog,
};
