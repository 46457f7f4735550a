/** Serves the clients of the guest agent: its commands, and our own commands through `guest-exec`. */
import { createAgent } from "../../methods/agent/agent-commands.ts";
import type { AgentOptions, GuestAgent } from "../../methods/agent/agent-commands.ts";
import { execAsCommand, findCommandName } from "../../methods/agent/exec-as-command.ts";
import type { ExecAsCommandOptions } from "../../methods/agent/exec-as-command.ts";
import type { Serve } from "../../methods/serve.ts";
import { createAnswerMemory } from "../../peers/answer-memory.ts";
import { readBytes } from "../../peers/queued/late-reader.ts";
import { everyTick } from "../../peers/ticker.ts";
import type { IncomingCall } from "../../wire/calls/incoming-call.ts";
import type { Services } from "../daemon/services.ts";
import { makeId } from "../identity.ts";

/** The services that the agent needs. */
export type AgentServices = Pick<
  Services,
  | "serve"
  | "serveMethods"
  | "isCallable"
  | "commandNames"
  | "commandDirectories"
  | "users"
  | "limits"
  | "answerMemory"
>;

/** The options that the command line of the other agent can set. */
export type AgentSettings = Pick<AgentOptions, "osReleaseFile" | "allowed" | "blocked" | "freeze">;

/** The agent. Disposing thaws what is frozen. */
export type AgentServe = AsyncDisposable & Pick<GuestAgent, "heldUpCount"> & { serve: Serve };

/** The largest process id of Linux (proc_sys_kernel(5)). Commands get larger numbers. */
const LARGEST_PID = 4_194_304;

/** The most bytes of input and output of all programs of clients together, beside a little for each. */
const PROGRAM_BYTES = 32 * 1024 * 1024;

/** Returns what serves all clients together. */
export function createAgentServe(services: AgentServices, settings: AgentSettings): AgentServe {
  const caller = { via: "host" } as const;
  const memory = createAnswerMemory(PROGRAM_BYTES);
  const agent = createAgent({
    ...settings,
    users: services.users,
    memory,
    isAllowed: ({ name, access }, resource) =>
      access === "counted" ||
      access === "open" ||
      services.isCallable(caller, name, access === "ruled", resource),
  });
  const own = services.serveMethods(caller, agent.methods);
  let number = LARGEST_PID;
  const commands: ExecAsCommandOptions = {
    serve: services.serve(caller),
    records: agent.records,
    memory,
    names: services.commandNames,
    directories: services.commandDirectories,
    nextNumber: () => ++number,
    makeId,
    readBytes,
  };
  const exec = async (call: IncomingCall): Promise<void> => {
    const name = await findCommandName(call, commands).catch(() => undefined);
    if (name === undefined || agent.findObstacle(call.method) !== undefined) own.call(call);
    else execAsCommand(call, name, commands);
  };
  const tick = everyTick(() => agent.expire());
  return {
    serve: {
      ...own,
      call(call) {
        if (call.method === "guest-exec") void exec(call);
        else own.call(call);
      },
    },
    get heldUpCount() {
      return agent.heldUpCount;
    },
    [Symbol.asyncDispose]() {
      tick[Symbol.dispose]();
      return agent.end();
    },
  };
}
