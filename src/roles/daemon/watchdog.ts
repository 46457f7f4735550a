/** Tells the service manager that the event loop turns (sd_watchdog_enabled(3)). */
import { logFor } from "../../log.ts";
import { isServiceBehind, notifyService } from "./service-manager.ts";

/** The wishes of the service manager: how often, from which process, and where to. */
export type WatchdogRequest = {
  /** `$WATCHDOG_USEC`: without a message for so many microseconds, the daemon is killed. */
  usec: string | undefined;
  /** `$WATCHDOG_PID`: the process that is to send the messages; any, if it is not set. */
  pid: string | undefined;
  /** `$NOTIFY_SOCKET`. */
  socket: string | undefined;
};

const log = logFor("service");
/** Twice in the time is what the manual asks for; one of three messages may come late. */
const MESSAGES_PER_TIME = 3;

/** The start of a program takes so long on a machine that has nearly no processor time left. */
const START_USEC = 120e6;

/** Lets the watchdog wait for the start of the next program, whose `feedWatchdog` ends that. */
export function allowForStart(request: WatchdogRequest): void {
  setWatchdog(request, Math.max(START_USEC, Number(request.usec)));
}

/** Lets the watchdog wait as long as the unit says, from now on. */
export function restoreWatchdog(request: WatchdogRequest): void {
  setWatchdog(request, Number(request.usec));
}

function setWatchdog(request: WatchdogRequest, usec: number): void {
  if (isWanted(request)) notifyService(request.socket, `WATCHDOG_USEC=${usec}\nWATCHDOG=1`);
}

function isWanted({ usec, pid, socket }: WatchdogRequest): boolean {
  const isOurs = pid === undefined || pid === String(process.pid);
  return isOurs && socket !== undefined && Number(usec ?? 0) / 1000 / MESSAGES_PER_TIME >= 1;
}

/**
 * Sends `WATCHDOG=1` with the time of the unit at once, and then `WATCHDOG=1` from a timer of the event loop
 * until the result is disposed. So a loop
 * that stands still sends nothing, and the service manager ends the daemon. Does nothing if that is not
 * wanted of this process.
 */
export function feedWatchdog(request: WatchdogRequest): Disposable {
  const { usec, socket } = request;
  if (!isWanted(request)) return { [Symbol.dispose]: () => undefined };
  const periodMs = Number(usec) / 1000 / MESSAGES_PER_TIME;
  log.debug(`The watchdog of the service manager waits up to ${Number(usec) / 1e6} s`);
  const feed = (): void => {
    if (!isServiceBehind()) notifyService(socket, "WATCHDOG=1");
  };
  // Programs that replace each other, each before its first period has passed, would starve the watchdog.
  setWatchdog(request, Number(usec));
  const timer = setInterval(feed, Math.floor(periodMs));
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
