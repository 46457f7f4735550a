/** The guest's ends of its channels: which device it is, and opening it. */
import { openCharacterDevice } from "../../channels/port/port.ts";
import { PORT_NAMES } from "../../discovery/endpoint.ts";
import type { PortName } from "../../discovery/endpoint.ts";
import { explainMissing, explainRefusal } from "../../discovery/ports/port-trouble.ts";
import { findPort } from "../../discovery/ports/virtio.ts";
import { NegotiatorError } from "../../errors.ts";
import type { Settings } from "../../config/settings.ts";
import type { Channel } from "../../wire/channel.ts";
import { retryWhileBusy } from "../../peers/retry-while-busy.ts";
import type { RetryLimit } from "../../peers/retry-while-busy.ts";

/** `port` is undefined for a device that was named instead of found. */
type FoundPort = { port: PortName | undefined; device: string };

/** The first of these ports that the guest has, or the device that the settings name. Throws `NO_CHANNEL` with what to do. */
export async function findChannel(
  { guest }: Settings,
  ports: readonly [PortName, ...PortName[]],
): Promise<FoundPort> {
  if (guest.characterDevice !== "") return { port: undefined, device: guest.characterDevice };
  for (const port of ports) {
    const found = await findPort(port);
    if (found !== undefined) return { port, device: found.device };
  }
  throw await explainMissing(ports[0]);
}

/** Throws `BUSY` with the process that holds the port, and other `NegotiatorError`s that say what to do. */
export function openChannel(found: FoundPort, signal: AbortSignal): Promise<Channel> {
  return explained(found, openCharacterDevice(found.device, { signal }), signal);
}

/** The same, but waits while another process has the port. */
export function awaitChannel(found: FoundPort, patience: RetryLimit): Promise<Channel> {
  const opening = retryWhileBusy((signal) => openCharacterDevice(found.device, { signal }), patience);
  return explained(found, opening, patience.signal);
}

async function explained(
  { port, device }: FoundPort,
  opening: Promise<Channel>,
  signal?: AbortSignal,
): Promise<Channel> {
  try {
    return await opening;
  } catch (thrown) {
    const error = NegotiatorError.from(thrown);
    if (port === undefined || signal?.aborted === true) throw error;
    throw await explainRefusal({ name: port, device }, error.cause ?? error);
  }
}

/** Over these the host calls, the better one first. */
export const SERVING_PORTS = [PORT_NAMES.hostToGuest, PORT_NAMES.bothWays] as const;
/** Over these the guest calls when no daemon of its own does. */
export const CALLING_PORTS = [PORT_NAMES.guestToHost, PORT_NAMES.bothWays] as const;
