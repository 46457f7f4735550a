/** Texts for an administrator who adds the channel by hand. */
import { formatChannel } from "../../../discovery/libvirt/channel-xml.ts";
import { NegotiatorError } from "../../../errors.ts";
import { printable } from "../../../printable.ts";

/** Bytes in `sun_path` without its closing NUL (unix(7)). */
const LONGEST_PATH_BYTES = 107;
/** The directory of the sockets in docs/QEMU.md. */
const DIRECTORY = "/run/vm";

/** Returns the XML of a channel for each port. */
export function printXml(ports: readonly string[]): string {
  return ports.map((port) => formatChannel(port)).join("\n");
}

/**
 * Returns options for QEMU that give a guest these ports, one in a line. Throws `BAD_USAGE` for a name that
 * cannot be part of a socket's path.
 */
export function printQemuOptions(guest: string, ports: readonly string[]): string {
  const lines = ports.flatMap((port, index) => {
    const id = index === 0 ? "negotiator" : `negotiator${index + 1}`;
    const path = `${DIRECTORY}/${guest}${index === 0 ? "" : `.${port}`}.sock`;
    checkPath(guest, path);
    return [
      `-chardev socket,id=${id},path=${quoteValue(path)},server=on,wait=off`,
      `-device virtserialport,chardev=${id},name=${quoteValue(port)}`,
    ];
  });
  return [`-name ${quoteValue(guest)}`, "-device virtio-serial", ...lines].join("\n");
}

function checkPath(guest: string, path: string): void {
  const bytes = Buffer.byteLength(path);
  if (!/[/\0\n]|^\.{0,2}$/.test(guest) && bytes <= LONGEST_PATH_BYTES) return;
  const problem =
    bytes > LONGEST_PATH_BYTES
      ? `its socket's path has ${bytes} bytes, ${LONGEST_PATH_BYTES} at most are possible`
      : "it cannot be the name of a file";
  throw new NegotiatorError("BAD_USAGE", `Cannot use the guest's name "${printable(guest)}": ${problem}`, {
    remedy: "Choose another name, as of -name of QEMU",
  });
}

/** In the options of QEMU, a comma is written twice. */
function quoteValue(text: string): string {
  return text.replaceAll(",", ",,");
}
