/** The port of the QEMU guest agent. */

/** The name that libvirt and other managers know. */
export const AGENT_PORT = "org.qemu.guest_agent.0";
