/** Finds out what a call to a guest waits for. */
import { askDaemon } from "../cli/ask-daemon.ts";
import { dialControl } from "../cli/control-client.ts";
import { judgeState } from "../cli/status-table.ts";
import { printable } from "../../printable.ts";
import { StatusSchema } from "./status.ts";

/** The daemon answers at once, or it is what the call waits for. */
const ANSWER_MS = 800;

/**
 * Asks the daemon at `control` about a guest. Returns undefined while the call waits for nothing but its
 * command. Without a daemon, the call waits for the agent itself.
 */
export async function askGuestWaiting(control: string, guest: string): Promise<string | undefined> {
  const agent = `the agent of ${printable(guest)}`;
  await using session = await dialControl("host", control);
  if (session === undefined) return agent;
  const status = await askDaemon(session, "status", StatusSchema, { timeoutMs: ANSWER_MS }).catch(
    () => undefined,
  );
  if (status === undefined) return "the host's daemon, which does not answer";
  const found = status.guests.find(({ name }) => name === guest);
  if (found === undefined || judgeState(found.state) === "good") return undefined;
  return found.state === "waiting" ? agent : `${agent}, which is ${printable(found.state)}`;
}
