/** Sends copies of lines to the journal of systemd or to syslog. It never waits for them. */
import { NegotiatorError } from "../errors.ts";
import { sendDatagram } from "./libc.ts";

/** `journal`: systemd's, by its native protocol. `syslog`: the daemon at /dev/log (RFC 3164). */
export type SystemLog = keyof typeof SOCKETS;

const SOCKETS = { journal: "/run/systemd/journal/socket", syslog: "/dev/log" } as const;
/** Both know the program by this name. */
const IDENTIFIER = "negotiator-audit";
/** LOG_AUTHPRIV and LOG_INFO of syslog(3). */
const FACILITY = 10;
const PRIORITY = 6;

/**
 * Returns what sends a line, which has no line end. It throws `NO_CHANNEL` if no program listens there, or if
 * it does not read. Tests pass another `path`.
 */
export function createSystemLog(kind: SystemLog, path: string = SOCKETS[kind]): (line: string) => void {
  const address = new TextEncoder().encode(path);
  const form = kind === "journal" ? formatJournal : formatSyslog;
  return (line) => {
    const bytes = new TextEncoder().encode(form(line));
    if (sendDatagram(address, bytes, { canWait: false }) === "sent") return;
    throw new NegotiatorError("NO_CHANNEL", `Cannot send audit lines to ${kind} at "${path}"`, {
      remedy: "Start it, or set audit.forward to no. The audit file has the lines",
    });
  };
}

/** The fields of systemd.journal-fields(7). A line without a line end needs no length. */
function formatJournal(line: string): string {
  const fields = [
    `PRIORITY=${PRIORITY}`,
    `SYSLOG_FACILITY=${FACILITY}`,
    `SYSLOG_IDENTIFIER=${IDENTIFIER}`,
    `MESSAGE=${line}`,
  ];
  return `${fields.join("\n")}\n`;
}

function formatSyslog(line: string): string {
  const now = new Date();
  const month = MONTHS.slice(now.getMonth() * 3, now.getMonth() * 3 + 3);
  const day = String(now.getDate()).padStart(2);
  const [time] = now.toTimeString().split(" ");
  return `<${FACILITY * 8 + PRIORITY}>${month} ${day} ${time} ${IDENTIFIER}[${process.pid}]: ${line}`;
}

const MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec";
