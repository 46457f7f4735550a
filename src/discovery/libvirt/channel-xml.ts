/**
 * Writes the XML of a channel for libvirt. It has no apostrophe, so that a shell takes it between two of
 * them. Source: libvirt's `docs/formatdomain.rst`, "Channel".
 */

/** Returns the XML in one line. Without a `path`, libvirt chooses one. */
export function formatChannel(port: string, path = ""): string {
  const source = path === "" ? "" : `<source mode="bind" path="${escapeXml(path)}"/>`;
  return `<channel type="unix">${source}<target type="virtio" name="${escapeXml(port)}"/></channel>`;
}

function escapeXml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
