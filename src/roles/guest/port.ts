/** The guest's ends of its channels: which device it is, and opening it. */
import { openCharacterDevice } from "../../channels/port/port.ts";
import type { Settings } from "../../config/settings.ts";
import { explainMissing, explainRefusal } from "../../discovery/ports/port-trouble.ts";
import { findPort } from "../../discovery/ports/virtio.ts";
import type { PortPlaces } from "../../discovery/ports/virtio.ts";
import { NegotiatorError } from "../../errors.ts";
import type { PortUse } from "../../peers/dialect-table.ts";
import { retryWhileBusy } from "../../peers/retry-while-busy.ts";
import type { RetryLimit } from "../../peers/retry-while-busy.ts";
import type { Channel } from "../../wire/channel.ts";

/** A device that carries a channel; `port` is undefined for one that the settings name. */
export type FoundPort = { port: PortUse | undefined; device: string };

/**
 * The device that the settings name, or the first of these ports that the guest has. Throws `NO_CHANNEL` with
 * what to do about a missing port; that error names the first of them.
 */
export async function findChannel({ guest }: Settings, ports: readonly PortUse[]): Promise<FoundPort> {
  if (guest.characterDevice !== "") return { port: undefined, device: guest.characterDevice };
  const found = await findFirst(ports);
  if (found === undefined) throw await explainMissing(ports[0]?.name ?? "");
  return found;
}

/** The first of these ports that the guest has. Other `places` than the kernel's are for tests. */
export async function findFirst(
  ports: readonly PortUse[],
  places: PortPlaces = {},
): Promise<FoundPort | undefined> {
  for (const port of ports) {
    const found = await findPort(port.name, places);
    if (found !== undefined) return { port, device: found.device };
  }
  return undefined;
}

/** Throws `BUSY` with the process that holds the port, and other `NegotiatorError`s that say what to do. */
export function openChannel(found: FoundPort, signal: AbortSignal): Promise<Channel> {
  return explained(found, openCharacterDevice(found.device, { signal }), signal);
}

/** The same, but waits while another process has the port. */
export function awaitChannel(found: FoundPort, limit: RetryLimit): Promise<Channel> {
  const opening = retryWhileBusy((signal) => openCharacterDevice(found.device, { signal }), limit);
  return explained(found, opening, limit.signal);
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
    throw await explainRefusal({ name: port.name, device }, error.cause ?? error);
  }
}
