/** The command line that attaches a port to a guest of libvirt, for messages. */

/** Returns the line for a running guest, whose name stands in it as a shell takes it. */
export function attachLine(guest: string, port: string): string {
  const xml = `<channel type='unix'><target type='virtio' name='${port}'/></channel>`;
  return `echo "${xml}" >channel.xml; virsh attach-device ${guest} channel.xml --live --config`;
}
