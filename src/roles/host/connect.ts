/**
 * Connects a host's command line to a guest: through the daemon, or over the guest's channel. Most calls go
 * through the daemon, so only the others load the finders and the dialects.
 */
import { unresponsiveDaemon } from "../cli/cli-session.ts";
import { connectThroughDaemon } from "../cli/peer-connection.ts";
import type { ConnectOptions, PeerConnection } from "../cli/peer-connection.ts";
import type { Invocation } from "../cli/subcommand.ts";
import { dialControl } from "../cli/control-client.ts";

/**
 * Connects to a guest: through the daemon if one runs, or over its channel with `--direct` or `--socket`. A
 * `call` that the connection is for is written down there.
 * Throws `NO_GUEST` or `NO_CHANNEL`.
 */
export async function connectGuest(
  name: string,
  invocation: Invocation,
  options: ConnectOptions,
): Promise<PeerConnection> {
  const { words, config } = invocation;
  if (!words.options.has("direct") && !words.options.has("socket")) {
    const daemon = await dialControl("host", config.settings.host.control);
    const isPatient = words.options.has("connect-timeout");
    const target = { guest: name, connectTimeoutMs: options.time.leftToConnect(), isPatient };
    if (daemon !== undefined) return connectThroughDaemon(daemon, () => unresponsiveDaemon("host"), target);
  }
  const { connectGuestDirectly } = await import("./direct.ts");
  return connectGuestDirectly(name, invocation, options);
}
