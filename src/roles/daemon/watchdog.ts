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

/**
 * Sends `WATCHDOG=1` at once, and then from a timer of the event loop until the result is disposed. So a loop
 * that stands still sends nothing, and the service manager ends the daemon. Does nothing if that is not
 * wanted of this process.
 */
export function feedWatchdog({ usec, pid, socket }: WatchdogRequest): Disposable {
  const isOurs = pid === undefined || pid === String(process.pid);
  const periodMs = Number(usec ?? 0) / 1000 / MESSAGES_PER_TIME;
  if (!isOurs || socket === undefined || !(periodMs >= 1)) return { [Symbol.dispose]: () => undefined };
  log.debug(`The watchdog of the service manager waits up to ${Number(usec) / 1e6} s`);
  const feed = (): void => {
    if (!isServiceBehind()) notifyService(socket, "WATCHDOG=1");
  };
  // Programs that replace each other, each before its first period has passed, would starve the watchdog.
  feed();
  const timer = setInterval(feed, Math.floor(periodMs));
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
