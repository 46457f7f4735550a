/** Connects a guest's command line to its host: through the daemon, or over a port. */
import type { Settings } from "../../config/settings.ts";
import type { TimeLeft } from "../../delay.ts";
import { DIALECTS } from "../../peers/dialects.ts";
import type { DialectTable } from "../../peers/dialect-table.ts";
import { connectDirectly, connectThroughDaemon } from "../cli/peer-connection.ts";
import type { PeerConnection } from "../cli/peer-connection.ts";
import type { CliSession } from "../cli/cli-session.ts";
import type { Invocation } from "../cli/subcommand.ts";
import { dialControl, noDaemon, unresponsiveDaemon } from "../cli/control-client.ts";
import { explainNoAnswer } from "./no-answer.ts";
import { awaitChannel, findChannel, findFirst } from "./port.ts";
import type { FoundPort } from "./port.ts";
import { askStatus } from "./status.ts";

/**
 * Connects to the host: through the daemon if one runs, or over a port with `--direct` or
 * `--character-device`. Throws `NO_CHANNEL` or `BUSY`.
 */
export async function connectHost(invocation: Invocation, left: TimeLeft): Promise<PeerConnection> {
  const { words, config, dialects = DIALECTS } = invocation;
  const { settings } = config;
  const isDirect = words.options.has("direct");
  if (!isDirect && !words.options.has("character-device")) {
    const connection = await connectOverDaemon(settings, dialects, left);
    if (connection !== undefined) return connection;
  }
  const found = await findCallingPort(settings, dialects, isDirect);
  return connectDirectly({
    role: "guest",
    port: found.port ?? { dialler: "guest", isNative: true, foreign: dialects.besideNative },
    open: (signal) => awaitChannel(found, { timeoutMs: left(), signal }),
    left,
    explainNoAnswer: () => explainNoAnswer(),
  });
}

async function connectOverDaemon(
  { guest }: Settings,
  dialects: DialectTable,
  left: TimeLeft,
): Promise<PeerConnection | undefined> {
  await using held = new AsyncDisposableStack();
  const daemon = await dialControl("guest", guest.control);
  if (daemon === undefined) return undefined;
  held.use(daemon);
  if (!(await isBestWay(daemon, dialects, left()))) return undefined;
  held.move();
  return connectThroughDaemon(daemon, unresponsiveDaemon);
}

/** An old host listens only on the port that the guest dials, so the daemon may not have a link to it. */
async function isBestWay(daemon: CliSession, dialects: DialectTable, timeoutMs: number): Promise<boolean> {
  const { state } = await askStatus(daemon, timeoutMs);
  const ports = dialects.callingPorts("guest");
  const dialled = ports.filter(({ dialler, isNative }) => dialler === "guest" && isNative);
  return state === "open" || (await findFirst(dialled)) === undefined;
}

async function findCallingPort(
  settings: Settings,
  dialects: DialectTable,
  isDirect: boolean,
): Promise<FoundPort> {
  try {
    return await findChannel(settings, dialects.callingPorts("guest"));
  } catch (thrown) {
    // Only the daemon uses the guest's other ports, so the error names the missing daemon.
    const isDaemonMissing = !isDirect && (await findFirst(dialects.callingPorts("host"))) !== undefined;
    throw isDaemonMissing ? noDaemon("guest", settings.guest.control) : thrown;
  }
}
