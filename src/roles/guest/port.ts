/** Finds and opens the guest's character devices. */
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

/** A character device. `port` is undefined for a device from the settings. */
export type FoundPort<Use = Pick<PortUse, "name">> = { port: Use | undefined; device: string };

/**
 * The device of the settings, or the first of these ports that the guest has. Throws `NO_CHANNEL` if it has
 * none of them. The error names the first one and a remedy.
 */
export async function findChannel(
  { guest }: Settings,
  ports: readonly PortUse[],
): Promise<FoundPort<PortUse>> {
  if (guest.characterDevice !== "") return { port: undefined, device: guest.characterDevice };
  const found = await findFirst(ports);
  if (found === undefined) throw await explainMissing(ports[0]?.name ?? "");
  return found;
}

/** The first of these ports that the guest has. Tests replace the kernel's `places`. */
export async function findFirst<Use extends Pick<PortUse, "name">>(
  ports: readonly Use[],
  places: PortPlaces = {},
): Promise<FoundPort<Use> | undefined> {
  for (const port of ports) {
    const found = await findPort(port.name, places);
    if (found !== undefined) return { port, device: found.device };
  }
  return undefined;
}

/**
 * Opens the device. Rejects with `BUSY` and the name of the process that holds it, or with another remedy.
 */
export function openChannel(found: FoundPort, signal: AbortSignal): Promise<Channel> {
  return explained(found, openCharacterDevice(found.device, { signal }), signal);
}

/**
 * Opens the device as `openChannel` does, but waits while another process holds it. The error names the first
 * holder: a look for it at the end of the wait would come too late on a slow machine.
 */
export function awaitChannel(found: FoundPort, limit: RetryLimit): Promise<Channel> {
  let first: Promise<NegotiatorError> | undefined;
  const open = async (signal: AbortSignal): Promise<Channel> => {
    try {
      return await openCharacterDevice(found.device, { signal });
    } catch (thrown) {
      if (NegotiatorError.from(thrown).code === "BUSY") first ??= explain(found, thrown);
      throw thrown;
    }
  };
  return explained(found, retryWhileBusy(open, limit), limit.signal, () => first);
}

/** `known` returns an explanation that was begun before. */
async function explained(
  found: FoundPort,
  opening: Promise<Channel>,
  signal?: AbortSignal,
  known: () => Promise<NegotiatorError> | undefined = () => undefined,
): Promise<Channel> {
  try {
    return await opening;
  } catch (thrown) {
    const error = NegotiatorError.from(thrown);
    if (signal?.aborted === true) throw error;
    throw await ((error.code === "BUSY" ? known() : undefined) ?? explain(found, error));
  }
}

/** A device of the settings has no name. */
async function explain({ port, device }: FoundPort, thrown: unknown): Promise<NegotiatorError> {
  const error = NegotiatorError.from(thrown);
  return port === undefined ? error : explainRefusal({ name: port.name, device }, error.cause ?? error);
}
