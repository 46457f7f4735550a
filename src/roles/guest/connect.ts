/**
 * Connects a guest's command line to its host: through the daemon, or over a port. Most calls go through the
 * daemon, so only the others load the ports and the dialects.
 */
import type { Settings } from "../../config/settings.ts";
import type { CallTime } from "../../peers/call-time.ts";
import { unresponsiveDaemon } from "../cli/cli-session.ts";
import { connectThroughDaemon } from "../cli/peer-connection.ts";
import type { ConnectOptions, PeerConnection } from "../cli/peer-connection.ts";
import type { Invocation } from "../cli/subcommand.ts";
import { dialControl } from "../cli/control-client.ts";
import { askStatus } from "./status.ts";

/**
 * Connects to the host: through the daemon if one runs, or over a port with `--direct` or
 * `--character-device`. A `call` that the connection is for is written down there. Throws `NO_CHANNEL` or
 * `BUSY`.
 */
export async function connectHost(
  invocation: Invocation,
  { time, call }: ConnectOptions,
): Promise<PeerConnection> {
  const { words, config, dialects } = invocation;
  const isDirect = words.options.has("direct");
  if (!isDirect && !words.options.has("character-device")) {
    const connection = await connectOverDaemon(config.settings, invocation, time);
    if (connection !== undefined) return connection;
  }
  const { connectHostDirectly } = await import("./direct.ts");
  return connectHostDirectly(config.settings, { time, isDirect, dialects, call });
}

async function connectOverDaemon(
  { guest }: Settings,
  { dialects }: Pick<Invocation, "dialects">,
  time: CallTime,
): Promise<PeerConnection | undefined> {
  await using held = new AsyncDisposableStack();
  const daemon = await dialControl("guest", guest.control);
  if (daemon === undefined) return undefined;
  held.use(daemon);
  const { state } = await askStatus(daemon, time.leftToConnect());
  // An old host listens only on the port that the guest dials, so the daemon may not have a link to it.
  if (state !== "open" && (await (await import("./direct.ts")).hasDialledPort(dialects))) return undefined;
  held.move();
  const extra = { connectTimeoutMs: time.leftToConnect() };
  return connectThroughDaemon(daemon, () => unresponsiveDaemon("guest"), extra);
}
