/**
 * Notifies systemd of the daemon's state by the datagrams of sd_notify(3), and finds out whether the journal
 * reads its log.
 */
import { fstatSync } from "node:fs";
import { logFor } from "../../log.ts";
import { readMonotonicUs, sendDatagram, SOCKET_PATH_BYTES } from "../../process/libc.ts";

/** Assignments such as `READY=1`, `STOPPING=1` or `STATUS=…`, separated by line ends. */
export type ServiceState = string;

const log = logFor("service");

/** A message that the service manager has not taken yet. */
type Waiting = { socket: string; state: ServiceState; untilMs: number };

/** In the order in which they have to arrive. */
const waiting: Waiting[] = [];
const RETRY_MS = 100;
const MOST_WAIT_MS = 10_000;

/**
 * Sends `state` to `socket`, the value of `$NOTIFY_SOCKET`; without a socket it does nothing. A service
 * manager that does not read does not hold up the daemon: the message is sent again, for ten seconds. A
 * failure is only logged, because the daemon can serve without a service manager.
 */
export function notifyService(socket: string | undefined, state: ServiceState): void {
  if (socket === undefined || socket === "") return;
  const path = new TextEncoder().encode(socket.replace(/^@/, "\0"));
  if (path.length >= SOCKET_PATH_BYTES)
    return log.warn(`Cannot notify the service manager: "${socket}" is too long`);
  waiting.push({ socket, state, untilMs: performance.now() + MOST_WAIT_MS });
  if (waiting.length === 1) sendWaiting();
}

/** Whether a message still waits. */
export function isServiceBehind(): boolean {
  return waiting.length > 0;
}

function sendWaiting(): void {
  for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
    const { socket, state, untilMs } = first;
    const path = new TextEncoder().encode(socket.replace(/^@/, "\0"));
    const outcome = sendDatagram(path, new TextEncoder().encode(state), { canWait: false });
    if (outcome === "full" && performance.now() < untilMs) {
      setTimeout(sendWaiting, RETRY_MS).unref();
      return;
    }
    if (outcome !== "sent") log.warn(`Cannot notify the service manager at "${socket}"`);
    waiting.shift();
  }
}

/**
 * Returns whether the journal reads `descriptor`. `stream` is `$JOURNAL_STREAM`: device and inode of the
 * journal's stream in decimal (systemd.exec(5)). Children inherit the variable, so it counts only for the
 * same stream.
 */
export function isJournal(stream: string | undefined, descriptor: number): boolean {
  if (stream === undefined) return false;
  const { dev, ino } = fstatSync(descriptor, { bigint: true });
  return stream === `${dev}:${ino}`;
}

/** Returns the state of a reload that begins now. sd_notify(3) wants the time by CLOCK_MONOTONIC with it. */
export function reloadingNow(): ServiceState {
  return `RELOADING=1\nMONOTONIC_USEC=${readMonotonicUs()}`;
}
