/** Connects a command line to this machine's daemon. */
import { dialSocket } from "../../channels/socket/socket.ts";
import { NegotiatorError } from "../../errors.ts";
import type { Channel } from "../../wire/channel.ts";
import { openCliSession } from "./cli-session.ts";
import type { CliSession } from "./cli-session.ts";

/** Besides root, members of this group may use the control socket, if the group exists. */
export const CONTROL_GROUP = "negotiator";

/** Connects to the daemon; undefined when no daemon runs. Throws `DENIED` when this user may not connect. */
export async function dialControl(role: "host" | "guest", path: string): Promise<CliSession | undefined> {
  try {
    return openCliSession(role, await dialAgain(path), () => dialAgain(path));
  } catch (thrown) {
    const error = NegotiatorError.from(thrown);
    if (error.code === "NO_CHANNEL") return undefined;
    throw error;
  }
}

function dialAgain(path: string): Promise<Channel> {
  return dialSocket(path, { group: CONTROL_GROUP, whileFull: untilFree() });
}

/**
 * Returns what waits for the next try. Others may fill the queue of the daemon again and again, and the
 * daemon empties it all the time, so that a place is free for moments.
 */
function untilFree(): () => Promise<boolean> {
  const endMs = performance.now() + FULL_MS;
  return async () => {
    await Bun.sleep(FULL_STEP_MS);
    return performance.now() < endMs;
  };
}

const FULL_MS = 5000;
const FULL_STEP_MS = 1;

/** Returns the error for a request that only a daemon can answer, when no daemon runs. */
export function noDaemon(role: "host" | "guest", path: string): NegotiatorError {
  const remedy = `Start it: systemctl start negotiator-${role}
Without a service file: negotiator ${role} daemon`;
  return new NegotiatorError("NO_CHANNEL", `No daemon of negotiator listens at "${path}"`, { remedy });
}
