/** Finds the ports on which a guest calls its host, and connects over one without the daemon. */
import type { Settings } from "../../config/settings.ts";
import type { CallTime } from "../../peers/call-time.ts";
import { DIALECTS } from "../../peers/dialects.ts";
import type { DialectTable } from "../../peers/dialect-table.ts";
import { noDaemon } from "../cli/control-client.ts";
import { auditDirectCall } from "../cli/direct-audit.ts";
import { connectDirectly } from "../cli/peer-connection.ts";
import type { CommandCall, PeerConnection } from "../cli/peer-connection.ts";
import { explainNoAnswer } from "./no-answer.ts";
import { awaitChannel, findChannel, findFirst } from "./port.ts";
import type { FoundPort } from "./port.ts";
import type { PortUse } from "../../peers/dialect-table.ts";

/** Options of a connection over a port. */
type PortOptions = {
  /** The time of the call. */
  time: CallTime;
  /** True if the user asks for a port, so that the daemon does not matter. */
  isDirect: boolean;
  /** The dialects of the program by default. */
  dialects: DialectTable | undefined;
  /** The call that the connection is for. */
  call?: CommandCall | undefined;
};

/** Connects to the host over a port. Throws `NO_CHANNEL` or `BUSY`. */
export async function connectHostDirectly(
  settings: Settings,
  { time, isDirect, dialects = DIALECTS, call }: PortOptions,
): Promise<PeerConnection> {
  return auditDirectCall({ role: "guest", peer: {}, call, settings: settings.audit }, async () => {
    const found = await findCallingPort(settings, dialects, isDirect);
    return connectDirectly({
      role: "guest",
      limits: settings.limits,
      port: found.port ?? { dialler: "guest", isNative: true, foreign: dialects.besideNative },
      open: (signal) => awaitChannel(found, { timeoutMs: time.leftToConnect(), signal }),
      time,
      explainNoAnswer: () => explainNoAnswer(),
    });
  });
}

/** Returns whether this guest has a port on which it can dial the host in the native dialect. */
export async function hasDialledPort(dialects: DialectTable = DIALECTS): Promise<boolean> {
  const ports = dialects.callingPorts("guest");
  const dialled = ports.filter(({ dialler, isNative }) => dialler === "guest" && isNative);
  return (await findFirst(dialled)) !== undefined;
}

async function findCallingPort(
  settings: Settings,
  dialects: DialectTable,
  isDirect: boolean,
): Promise<FoundPort<PortUse>> {
  try {
    return await findChannel(settings, dialects.callingPorts("guest"));
  } catch (thrown) {
    // A user who did not ask for a port needs the daemon, whatever ports the guest has.
    throw isDirect ? thrown : noDaemon("guest", settings.guest.control);
  }
}
