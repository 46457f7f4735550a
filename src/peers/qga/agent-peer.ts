/** A guest that has only the QEMU guest agent, as a peer: it runs the commands that the host keeps for it. */
import type { CommandListAnswer } from "../../methods/command-list.ts";
import { LEARN_MS } from "../dialect.ts";
import type { ForeignContact, ForeignPeer, PeerLine } from "../dialect.ts";
import { GUEST_WORDS } from "../guest-words.ts";
import { checkMethod, checkNotices } from "../peer.ts";
import type { Abilities, PeerCall } from "../peer.ts";
import { isJsonObject } from "../../wire/json.ts";
import { pause } from "../supervise.ts";
import type { PushedCommands } from "../pushed-commands.ts";
import { createAgentConnection } from "./agent-connection.ts";
import { createAgentContact } from "./agent-contact.ts";
import { AGENT_LABEL, startAgentExecute } from "./agent-execute.ts";
import { noStream } from "../../wire/calls/call-streams.ts";

/** The host itself answers `list-commands`. */
export const AGENT_CAN: Abilities = {
  methods: ["execute", "list-commands", ...GUEST_WORDS],
  notices: false,
  messages: true,
};
/** An agent that shuts its guest down does not answer, and one that refuses does it at once. */
const SHUTDOWN_MS = 3000;

/** Creates the peer of a guest for which the host keeps these commands. */
export function createAgentPeer(line: PeerLine, commands: PushedCommands): ForeignPeer {
  let callCount = 0;
  const contact = createAgentContact({ ask: () => ask("guest-info", {}), isBusy: () => callCount > 0 });
  const connection = createAgentConnection(line.dial, line.life, (error) => contact.follow(error));
  const count = (call: PeerCall): PeerCall => {
    callCount++;
    void call.result.catch(() => undefined).then(() => callCount--);
    return call;
  };

  const ask = async (command: string, params: unknown): Promise<unknown> => {
    using _ = connection.hold();
    const answer = connection.ask(command, isJsonObject(params) ? params : {});
    if (command !== "guest-shutdown") return answer;
    const given = new AbortController();
    const begun = pause(SHUTDOWN_MS, given.signal).then(() => ({}));
    return Promise.race([answer, begun]).finally(() => given.abort());
  };

  return {
    can: AGENT_CAN,
    contact,
    get callCount() {
      return callCount;
    },
    handOver: () => undefined,
    call(method, params, options) {
      checkMethod(AGENT_CAN, AGENT_LABEL, method);
      if (method === "list-commands") return count(answerLocally(listCommands(commands, contact)));
      if (method !== "execute") return count(answerLocally(ask(method, params)));
      const { makeId, life } = line;
      return count(startAgentExecute({ connection, commands, makeId, life }, params, options));
    },
    notify: () => checkNotices(AGENT_CAN, AGENT_LABEL),
  };
}

/** Resolves with the commands, and a remark about the agent. A slow agent does not hold the list up. */
async function listCommands(commands: PushedCommands, contact: ForeignContact): Promise<CommandListAnswer> {
  const given = new AbortController();
  await Promise.race([contact.learn(), pause(LEARN_MS, given.signal)]).finally(() => given.abort());
  return { commands: [...(await commands.list())], remark: remarkOn(contact) };
}

function remarkOn({ facts, failure }: ForeignContact): string {
  const version = facts?.version ?? null;
  const agent = `The guest has only the ${AGENT_LABEL}${version === null ? "" : ` ${version}`}`;
  const [problem] = failure?.error.message.split("\n") ?? [];
  if (problem !== undefined) return `${agent}, which does not answer: ${problem}`;
  return [agent, ...(facts?.cannot ?? []).map((phrase) => `which ${phrase}`)].join(", ");
}

/** A call without streams, which the host answers itself. */
function answerLocally(result: Promise<unknown>): PeerCall {
  const call = { isSent: true, result, send: ignore, listen: ignore, cancel: ignore };
  return { ...call, reader: refuseStream, writer: refuseStream };
}

function ignore(): void {
  // The answer is on its way.
}

function refuseStream(name: string): never {
  throw noStream("UNSUPPORTED", name);
}
