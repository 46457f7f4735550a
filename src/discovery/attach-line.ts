/** The command line that attaches a port to a guest of libvirt, for messages. */

import { shellWord } from "../shell-word.ts";

/**
 * Returns the line for a running guest, whose name stands in it as a shell takes it. `connect` is the URI of
 * its libvirt, if one was set.
 */
export function attachLine(guest: string, port: string, connect?: string): string {
  const xml = `<channel type='unix'><target type='virtio' name='${port}'/></channel>`;
  return `echo "${xml}" >channel.xml; ${virshAt(connect)} attach-device ${guest} channel.xml --live --config`;
}

/** Returns the remedy for a guest without the port, as `attachLine` does. */
export function attachRemedy(guest: string, port: string, connect?: string): string {
  return `Attach it: ${attachLine(guest, port, connect)}\n${WITHOUT_CONTROLLER}`;
}

/** libvirt cannot add the controller of the ports to a running guest by itself. */
export const WITHOUT_CONTROLLER =
  'Leave out --live, and start the guest again, if libvirt says "no virtio-serial controllers are available"';

/** Returns the first words of a line for virsh. An empty URI is none. */
export function virshAt(connect = ""): string {
  return connect === "" ? "virsh" : `virsh --connect ${shellWord(connect)}`;
}
