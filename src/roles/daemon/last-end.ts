/** Ends a daemon whose own end waits for something that does not answer, such as a file system. */
import { logFor } from "../../log.ts";

/** Longer than a command has from SIGTERM to SIGKILL. */
const END_MS = 7000;

const log = logFor("daemon");

/** Ends this process with `exitCode` after `limitMs`, unless it has ended by then. */
export function endAtLatest(exitCode: number, limitMs: number = END_MS): void {
  const leave = (): void => {
    log.warn("Something does not answer, so the daemon ends without closing everything");
    process.exit(exitCode);
  };
  setTimeout(leave, limitMs).unref();
}
