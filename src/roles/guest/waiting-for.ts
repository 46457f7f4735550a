/** Finds out what a call to the host waits for. */
import { dialControl } from "../cli/control-client.ts";
import { judgeState } from "../cli/status-table.ts";
import { askStatus } from "./status.ts";

/** The daemon answers at once, or it is what the call waits for. */
const ANSWER_MS = 800;

/**
 * Asks the daemon at `control` about the host. Returns undefined while the call waits for nothing but its
 * command. Without a daemon, the call waits for the host itself.
 */
export async function askHostWaiting(control: string): Promise<string | undefined> {
  await using session = await dialControl("guest", control);
  if (session === undefined) return HOST;
  const host = await askStatus(session, ANSWER_MS).catch(() => undefined);
  if (host === undefined) return "the guest's daemon, which does not answer";
  if (judgeState(host.state) === "good") return undefined;
  return host.state === "waiting" ? HOST : `${HOST}, which is ${host.state}`;
}

const HOST = "the host's daemon";
