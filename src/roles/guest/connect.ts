/** The ways from a guest's command line to its host: through the daemon, or over a port itself. */
import type { TimeLeft } from "../../delay.ts";
import { PORT_NAMES } from "../../discovery/endpoint.ts";
import { findPort } from "../../discovery/ports/virtio.ts";
import type { Channel } from "../../wire/channel.ts";
import { dialControl, noDaemon, unresponsiveDaemon } from "../daemon/control.ts";
import type { PeerConnection } from "../cli/execute-through.ts";
import type { Settings } from "../../config/settings.ts";
import type { Invocation } from "../cli/subcommand.ts";
import { connectThroughDaemon, connectDirectly } from "../cli/cli-session.ts";
import type { CliSession } from "../cli/cli-session.ts";
import { awaitChannel, CALLING_PORTS, findChannel } from "./port.ts";
import { explainHostSilence } from "./no-answer.ts";
import { askStatus } from "./status.ts";

/** Goes through the daemon when one runs, unless `--direct` or a device says otherwise. Throws `NO_CHANNEL`, `BUSY`. */
export async function connectHost(
  { words, config: { settings } }: Invocation,
  left: TimeLeft,
): Promise<PeerConnection> {
  const isDirect = words.options.has("direct");
  if (!isDirect && !words.options.has("character-device")) {
    const reach = await reachOverDaemon(settings, left);
    if (reach !== undefined) return reach;
  }
  const found = await findChannel(settings, CALLING_PORTS).catch((thrown: unknown) => {
    if (isDirect) throw thrown;
    return explainNoWay(thrown, settings);
  });
  // On the one port that both use it is the host that says hello.
  const side = found.port === PORT_NAMES.bothWays ? "listener" : "dialler";
  const open = (signal?: AbortSignal): Promise<Channel> => awaitChannel(found, { timeoutMs: left(), signal });
  return connectDirectly({ role: "guest", side, open, left, explainSilence: () => explainHostSilence() });
}

/** Undefined when no daemon runs, or when there is a better way. */
async function reachOverDaemon({ guest }: Settings, left: TimeLeft): Promise<PeerConnection | undefined> {
  await using held = new AsyncDisposableStack();
  const control = await dialControl("guest", guest.control);
  if (control === undefined) return undefined;
  held.use(control);
  if (!(await isBestWay(control, left()))) return undefined;
  held.move();
  return connectThroughDaemon(control, unresponsiveDaemon);
}

/** Where only the daemon's own port is, it is the daemon that is missing. */
async function explainNoWay(thrown: unknown, { guest }: Settings): Promise<never> {
  throw (await findPort(PORT_NAMES.hostToGuest)) === undefined ? thrown : noDaemon("guest", guest.control);
}

/** Whether the host talks with the daemon, or could not be reached otherwise: an old one listens on the other port only. */
async function isBestWay(control: CliSession, timeoutMs: number): Promise<boolean> {
  const { state } = await askStatus(control, timeoutMs);
  return state === "open" || (await findPort(PORT_NAMES.guestToHost)) === undefined;
}
