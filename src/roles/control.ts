/** The control socket: how a command line talks to the daemon on its own machine. The native dialect over unix. */
import { dialSocket, listenSocket } from "../channels/socket.ts";
import { NegotiatorError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { logFor } from "../log.ts";
import { createLink } from "../peers/link.ts";
import type { Link } from "../peers/link.ts";
import type { Channel } from "../wire/channel.ts";
import type { IncomingCall } from "../wire/incoming-call.ts";
import { describeAgent, makeId } from "./identity.ts";
import { talk } from "./talk.ts";
import type { Talk } from "./talk.ts";

/** Members of this group may use the control socket, where the group exists; others need to be root. */
const CONTROL_GROUP = "negotiator";
const CONTROL_MODE = 0o660;

const log = logFor("control");

/** Serves everyone who connects, until it is disposed of. Throws `BUSY` when a daemon serves there already. */
export function listenControl(
  role: "host" | "guest",
  path: string,
  { limits, onCall }: { limits: Limits; onCall: (call: IncomingCall) => void },
): Promise<AsyncDisposable> {
  return listenSocket(path, {
    mode: CONTROL_MODE,
    group: CONTROL_GROUP,
    onChannel(channel) {
      void serve(
        createLink({ side: "listener", agent: describeAgent(role), makeId, limits, onCall }),
        channel,
      );
    },
  });
}

/** Connects to the daemon; undefined when none runs. Throws `DENIED` when this user may not. */
export async function dialControl(role: "host" | "guest", path: string): Promise<Talk | undefined> {
  try {
    return talk(role, "dialler", await dialSocket(path, { group: CONTROL_GROUP }));
  } catch (thrown) {
    const error = NegotiatorError.from(thrown);
    if (error.code === "NO_CHANNEL") return undefined;
    throw error;
  }
}

/** What is said where only the daemon could answer. */
export function noDaemon(role: "host" | "guest", path: string): NegotiatorError {
  const remedy = `Start it: negotiator ${role} daemon`;
  return new NegotiatorError("NO_CHANNEL", `No daemon of negotiator listens at "${path}"`, { remedy });
}

/** What is said when the daemon is there and does nothing. */
export function silentDaemon(): NegotiatorError {
  return new NegotiatorError("NO_CHANNEL", "The daemon has its control socket open, but does not answer", {
    remedy: "Look at its log, and start it anew",
  });
}

/** Nobody comes back to the connection of a command line: what it had asked for ends with it. */
async function serve(link: Link, channel: Channel): Promise<void> {
  try {
    await link.run(channel);
  } catch (thrown) {
    log.debug(NegotiatorError.from(thrown).message);
  }
  link.session.close("the connection ended");
}
