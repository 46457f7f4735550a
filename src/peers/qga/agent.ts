/** The row of guests that have only the QEMU guest agent, as a host calls them. */
import { NegotiatorError } from "../../errors.ts";
import type { ForeignDialect } from "../dialect.ts";
import { createObjectFramer } from "../object-framer.ts";
import type { PushedCommands } from "../pushed-commands.ts";
import { AGENT_LABEL } from "./agent-execute.ts";
import { AGENT_PORT } from "./port.ts";
import { AGENT_CAN, createAgentPeer } from "./agent-peer.ts";

/** For a peer whose owner keeps no commands. */
const KEEPS_NONE: PushedCommands = {
  list: () => Promise.resolve([]),
  read: (name) =>
    Promise.reject(new NegotiatorError("NO_COMMAND", `Cannot run "${name}": there are no commands`)),
};

/** The row. Its port carries no other dialect. */
export const AGENT: ForeignDialect = {
  name: "qga",
  label: AGENT_LABEL,
  ports: [{ name: AGENT_PORT, dialler: "host", callers: "host" }],
  can: AGENT_CAN,
  takesPushed: true,
  recognises: () => false,
  readHelloAnswer: () => undefined,
  createFramer: createObjectFramer,
  createPeer: (line) => createAgentPeer(line, line.pushed ?? KEEPS_NONE),
};
