/** Opens a channel to one port of a guest. */
import { createAgentChannel } from "../../channels/agent-channel.ts";
import { dialSocket } from "../../channels/socket/socket.ts";
import type { Endpoint } from "../../discovery/endpoint.ts";
import { askGuestAgent } from "../../discovery/libvirt/guest-agent.ts";
import { listenerOf } from "../../discovery/listener.ts";
import type { FindUser } from "../../discovery/listener.ts";
import { AGENT_PORT } from "../../peers/qga/port.ts";
import { retryWhileBusy } from "../../peers/retry-while-busy.ts";
import type { RetryLimit } from "../../peers/retry-while-busy.ts";
import { printable } from "../../printable.ts";
import { runText } from "../../process/run-text.ts";
import type { Channel } from "../../wire/channel.ts";

/** Opens the channel, and tries again while the socket is busy. Rejects as `dialSocket` does. */
export async function dialGuest(endpoint: Endpoint, users: FindUser, limit: RetryLimit): Promise<Channel> {
  if (isHeldByLibvirt(endpoint)) return createLibvirtChannel(endpoint);
  const listener = listenerOf(endpoint, users);
  return retryWhileBusy((signal) => dialSocket(endpoint.path, { signal, listener }), limit);
}

/** Whether libvirt itself is the client of the socket, as it is of each guest's QEMU guest agent. */
function isHeldByLibvirt({ source, port }: Pick<Endpoint, "source" | "port">): boolean {
  return source === "libvirt" && port === AGENT_PORT;
}

function createLibvirtChannel({ guest, uuid = guest, connect }: Endpoint): Channel {
  return createAgentChannel({
    label: `the QEMU guest agent of ${printable(guest)}`,
    ask: (request, signal) => askGuestAgent(request, { uuid, connect, runText }, signal),
  });
}
