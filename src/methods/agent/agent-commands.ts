/** THE LIST of the guest agent's commands. */
import { NegotiatorError } from "../../errors.ts";
import type { CallMethod, Method } from "../method.ts";
import type { Access, AgentCommand } from "./agent-command.ts";
import { GET_TIME, GET_TIMEZONE, SET_TIME } from "./clock.ts";
import { GET_DISKS, GET_DISKSTATS } from "./disks.ts";
import { GET_FSINFO } from "./file-systems.ts";
import { GET_MEMORY_BLOCK_INFO, GET_MEMORY_BLOCKS, SET_MEMORY_BLOCKS } from "./memory-blocks.ts";
import { GET_INTERFACES, GET_ROUTE } from "./network.ts";
import { SHUTDOWN, SUSPEND } from "./power.ts";
import { createInfoCommand, PING, SYNC } from "./presence.ts";
import { GET_CPUSTATS, GET_VCPUS, SET_VCPUS } from "./processors.ts";
import { createOsInfo, GET_HOST_NAME, GET_LOAD, GET_USERS } from "./system.ts";

/** Options of the commands. */
export type AgentOptions = {
  /** Returns whether the policy may let a client call a command. */
  isAllowed: (command: { name: string; access: Access }) => boolean;
  /** Replaces the usual files of os-release(5). */
  osReleaseFile?: string | undefined;
  /** The only commands that clients may call. They need no rule where there is no policy. */
  allowed?: ReadonlySet<string> | undefined;
  /** Commands that clients may not call. */
  blocked?: ReadonlySet<string> | undefined;
};

/** Returns the methods that clients of the guest agent can call. */
export function createAgentMethods(options: AgentOptions): Method[] {
  const { isAllowed, allowed, blocked } = options;
  /** Returns why a command is switched off. */
  const findObstacle = ({ name }: AgentCommand): string | undefined => {
    const isLeftOut = blocked?.has(name) === true || allowed?.has(name) === false;
    return isLeftOut ? `The options switch ${name} off` : undefined;
  };
  const accessOf = ({ name, access }: AgentCommand): Access =>
    access === "ruled" && allowed?.has(name) === true ? "usual" : access;
  const commands: readonly AgentCommand[] = listCommands(
    options,
    () => commands,
    (command) => {
      const { name } = command;
      return findObstacle(command) === undefined && isAllowed({ name, access: accessOf(command) });
    },
  );
  return commands.map((command): CallMethod => {
    const { method } = command;
    return {
      ...method,
      needsRule: accessOf(command) === "ruled",
      prepare(params) {
        const obstacle = findObstacle(command);
        if (obstacle !== undefined) throw new NegotiatorError("DENIED", obstacle);
        return method.prepare(params);
      },
    };
  });
}

/** Returns the names of all commands, sorted. */
export function listAgentCommandNames(): string[] {
  const commands = listCommands(
    {},
    () => [],
    () => true,
  );
  return commands.map(({ name }) => name).sort();
}

function listCommands(
  { osReleaseFile }: Pick<AgentOptions, "osReleaseFile">,
  all: () => readonly AgentCommand[],
  isEnabled: (command: AgentCommand) => boolean,
): AgentCommand[] {
  return [
    ...SYNC,
    PING,
    createInfoCommand(all, isEnabled),
    GET_TIME,
    SET_TIME,
    GET_TIMEZONE,
    GET_HOST_NAME,
    createOsInfo(osReleaseFile),
    GET_USERS,
    GET_LOAD,
    GET_INTERFACES,
    GET_ROUTE,
    GET_VCPUS,
    SET_VCPUS,
    GET_CPUSTATS,
    GET_MEMORY_BLOCKS,
    SET_MEMORY_BLOCKS,
    GET_MEMORY_BLOCK_INFO,
    GET_FSINFO,
    GET_DISKS,
    GET_DISKSTATS,
    SHUTDOWN,
    ...SUSPEND,
  ];
}
