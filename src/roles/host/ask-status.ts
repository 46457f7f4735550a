/** Asks the host's daemon for the status of its guests. */
import { dialControl } from "../cli/control-client.ts";
import { askDaemon, warnOfVersion } from "../cli/ask-daemon.ts";
import { StatusSchema } from "./status.ts";
import type { GuestStatus, HostStatus } from "./status.ts";

/** Returns the running guests; undefined when no daemon listens at `controlPath`. */
export async function askStatus(controlPath: string): Promise<GuestStatus[] | undefined> {
  return (await askWholeStatus(controlPath))?.filter(({ state }) => !ABSENT.has(state));
}

/** The states of guests that do not run. */
const ABSENT: ReadonlySet<string> = new Set(["saved", "shut off"]);

/**
 * Returns the running and the saved guests, and those that are shut off; undefined when no daemon listens at
 * `controlPath`.
 */
export async function askWholeStatus(controlPath: string): Promise<GuestStatus[] | undefined> {
  return (await askHostStatus(controlPath))?.guests;
}

/** Returns the whole status; undefined when no daemon listens at `controlPath`. */
export async function askHostStatus(controlPath: string): Promise<HostStatus | undefined> {
  await using control = await dialControl("host", controlPath);
  if (control === undefined) return undefined;
  const status = await askDaemon(control, "status", StatusSchema);
  await warnOfVersion(control);
  return status;
}

/** Returns the process id of the daemon at `controlPath` if it holds the socket at `path`. */
export async function askHolder(controlPath: string, path: string): Promise<number | undefined> {
  try {
    await using control = await dialControl("host", controlPath);
    if (control === undefined) return undefined;
    const { pid, held = [] } = await askDaemon(control, "status", StatusSchema, {
      timeoutMs: HOLDER_TIMEOUT_MS,
    });
    return held.includes(path) ? pid : undefined;
  } catch {
    // The user may lack the right to ask, and the socket may still be free.
    return undefined;
  }
}

/** A daemon that hangs must not keep its user from the guests. */
const HOLDER_TIMEOUT_MS = 2000;
