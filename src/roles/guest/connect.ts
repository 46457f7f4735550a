/**
 * Connects a guest's command line to its host: through the daemon, or over a port. Most calls go through the
 * daemon, so only the others load the ports and the dialects.
 */
import type { Settings } from "../../config/settings.ts";
import type { TimeLeft } from "../../delay.ts";
import { connectThroughDaemon } from "../cli/peer-connection.ts";
import type { CommandCall, PeerConnection } from "../cli/peer-connection.ts";
import type { Invocation } from "../cli/subcommand.ts";
import { dialControl, unresponsiveDaemon } from "../cli/control-client.ts";
import { askStatus } from "./status.ts";

/**
 * Connects to the host: through the daemon if one runs, or over a port with `--direct` or
 * `--character-device`. A `call` that the connection is for is written down there. Throws `NO_CHANNEL` or
 * `BUSY`.
 */
export async function connectHost(
  invocation: Invocation,
  left: TimeLeft,
  call?: CommandCall,
): Promise<PeerConnection> {
  const { words, config, dialects } = invocation;
  const isDirect = words.options.has("direct");
  if (!isDirect && !words.options.has("character-device")) {
    const connection = await connectOverDaemon(config.settings, invocation, left);
    if (connection !== undefined) return connection;
  }
  const { connectHostDirectly } = await import("./direct.ts");
  return connectHostDirectly(config.settings, { left, isDirect, dialects, call });
}

async function connectOverDaemon(
  { guest }: Settings,
  { dialects }: Pick<Invocation, "dialects">,
  left: TimeLeft,
): Promise<PeerConnection | undefined> {
  await using held = new AsyncDisposableStack();
  const daemon = await dialControl("guest", guest.control);
  if (daemon === undefined) return undefined;
  held.use(daemon);
  const { state } = await askStatus(daemon, left());
  // An old host listens only on the port that the guest dials, so the daemon may not have a link to it.
  if (state !== "open" && (await (await import("./direct.ts")).hasDialledPort(dialects))) return undefined;
  held.move();
  return connectThroughDaemon(daemon, () => unresponsiveDaemon("guest"));
}
