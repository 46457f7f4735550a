/** The row of the QEMU guest agent. README.md explains why it is here. */
import type { AnsweredDialect } from "../dialect.ts";
import { createExactFramer } from "./framer.ts";
import { AGENT_PORT } from "./port.ts";
import { createAgentServer } from "./server.ts";

/**
 * The row of the QEMU guest agent, whose clients (libvirt, Proxmox VE) call this side in a guest. Its port
 * carries no other dialect.
 */
export const QGA: AnsweredDialect = {
  name: "qga",
  label: "QEMU guest agent",
  ports: [{ name: AGENT_PORT, dialler: "host", callers: "host" }],
  can: { methods: [], notices: false, messages: false },
  methods: "agent",
  recognises: () => true,
  createFramer: createExactFramer,
  createServer: createAgentServer,
};
