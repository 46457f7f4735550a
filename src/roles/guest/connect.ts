/** The ways from a guest's command line to its host: through the daemon, or over a port itself. */
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
 * Goes through the daemon when one runs, unless `--direct` or a device says otherwise. Throws `NO_CHANNEL`,
 * `BUSY`.
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

/** Undefined when no daemon runs, or when there is a better way. */
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

/**
 * Whether the host talks with the daemon, or could not be reached in another way: an old host listens only on
 * the port that the guest dials.
 */
async function isBestWay(daemon: CliSession, dialects: DialectTable, timeoutMs: number): Promise<boolean> {
  const { state } = await askStatus(daemon, timeoutMs);
  const dialled = dialects.callingPorts("guest").filter(({ dialler }) => dialler === "guest");
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
    // Where the guest has only ports of the daemon, it is the daemon that is missing.
    const isDaemonMissing = !isDirect && (await findFirst(dialects.callingPorts("host"))) !== undefined;
    throw isDaemonMissing ? noDaemon("guest", settings.guest.control) : thrown;
  }
}
