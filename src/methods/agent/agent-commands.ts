/** THE LIST of the guest agent's commands. */
import { NegotiatorError } from "../../errors.ts";
import type { Resource } from "../../policy/resource.ts";
import { createUserCache } from "../../process/user-cache.ts";
import type { UserCache } from "../../process/user-cache.ts";
import type { CallMethod, Method } from "../method.ts";
import type { Access, AgentCommand } from "./agent-command.ts";
import { createAccountCommands } from "./accounts.ts";
import { createClockCommands } from "./clock.ts";
import { createDiskCommands } from "./disks.ts";
import { createExecCommands } from "./exec.ts";
import type { ExecRecords, SharedMemory } from "./exec-records.ts";
import { createFileCommands } from "./files.ts";
import type { OpenFiles } from "./files.ts";
import { createKeptItems } from "./kept-items.ts";
import { createFreezeCommands } from "./freeze.ts";
import type { FreezeOptions } from "./freeze.ts";
import { GET_FSINFO } from "./file-systems.ts";
import { createMemoryBlockCommands } from "./memory-blocks.ts";
import { createNetworkCommands } from "./network.ts";
import { createPowerCommands } from "./power.ts";
import { createInfoCommand, PING, SYNC } from "./presence.ts";
import { createProcessorCommands } from "./processors.ts";
import { createGetLoad, createGetUsers, createOsInfo, GET_HOST_NAME } from "./system.ts";
import { createTrim } from "./trim.ts";

/** Options of the agent. */
export type AgentOptions = {
  /** Returns whether the policy lets a client call a command, for some resource or for this one. */
  isAllowed: (command: { name: string; access: Access }, resource?: Resource) => boolean;
  users: UserCache;
  /** The memory that the input and output of all programs share. */
  memory: SharedMemory;
  freeze: FreezeOptions;
  /** Replaces the usual files of os-release(5). */
  osReleaseFile?: string | undefined;
  /** The only commands that clients may call. They need no rule where there is no policy. */
  allowed?: ReadonlySet<string> | undefined;
  /** Commands that clients may not call. */
  blocked?: ReadonlySet<string> | undefined;
};

/** The guest agent: its methods, and what clients leave behind in it. */
export type GuestAgent = {
  readonly methods: readonly Method[];
  readonly records: ExecRecords;
  /** Returns why a command cannot be called now, whatever the policy says. */
  findObstacle: (name: string) => NegotiatorError | undefined;
  /** Forgets files and records that no client has used for a time. Called now and then. */
  expire: () => void;
  /** The number of things that end with this program: open files, programs and their ends, a freeze. */
  readonly heldUpCount: number;
  /** Thaws what is frozen, before the agent ends. */
  end: () => Promise<void>;
};

/** Open files and ended programs at most, and how long each stays unused. */
const KEPT = { most: 64, idleMs: 10 * 60_000 } as const;

function now(): number {
  return performance.now();
}

/** Creates the agent. */
export function createAgent(options: AgentOptions): GuestAgent {
  const { isAllowed, allowed, blocked, users, memory } = options;
  const records: ExecRecords = createKeptItems({
    ...KEPT,
    now,
    isIdle: ({ end }) => end !== undefined,
    drop: ({ output }) => output.drop(),
  });
  const files: OpenFiles = createKeptItems({
    ...KEPT,
    now,
    isIdle: () => true,
    drop: (file) => void file.close().catch(() => undefined),
  });
  const freezing = createFreezeCommands(options.freeze);
  let handle = Math.floor(Date.now() / 1000);
  const findObstacle: GuestAgent["findObstacle"] = (name) => {
    const isLeftOut = blocked?.has(name) === true || allowed?.has(name) === false;
    if (isLeftOut) return new NegotiatorError("DENIED", `The options switch ${name} off`);
    const worksFrozen = commands.some((command) => command.name === name && command.worksFrozen);
    if (worksFrozen || !freezing.isFrozen()) return undefined;
    return new NegotiatorError("DENIED", "The agent is in frozen state");
  };
  const accessOf = ({ name, access }: Pick<AgentCommand, "name" | "access">): Access =>
    access === "ruled" && allowed?.has(name) === true ? "usual" : access;
  const isPathAllowed = (path: string, mode: string): boolean => {
    const command = { name: "guest-file-open", access: "ruled" } as const;
    return isAllowed({ ...command, access: accessOf(command) }, { kind: "path", path, args: [mode] });
  };
  const commands: readonly AgentCommand[] = [
    ...listCommands(options.osReleaseFile),
    createInfoCommand(
      () => commands,
      (command) =>
        findObstacle(command.name) === undefined &&
        isAllowed({ name: command.name, access: accessOf(command) }),
    ),
    ...createFileCommands({ files, nextHandle: () => ++handle, isPathAllowed }),
    ...createExecCommands({ records, memory, users }),
    ...freezing.commands,
  ];
  const methods = commands.map((command): CallMethod => {
    const { name, method } = command;
    return {
      ...method,
      needsRule: accessOf(command) === "ruled",
      prepare(params) {
        const obstacle = findObstacle(name);
        if (obstacle !== undefined) throw obstacle;
        return method.prepare(params);
      },
    };
  });
  return {
    methods,
    records,
    findObstacle,
    expire() {
      files.expire(now());
      records.expire(now());
    },
    get heldUpCount() {
      return files.count + records.count + (freezing.isFrozen() ? 1 : 0);
    },
    end: () => freezing.end(),
  };
}

/** Returns the names of all commands, sorted. */
export function listAgentCommandNames(): string[] {
  const { methods } = createAgent({
    isAllowed: () => true,
    users: createUserCache(),
    memory: { open: () => ({ take: () => false, [Symbol.dispose]: () => undefined }) },
    freeze: { lockFile: "", limitMs: 0, hook: "" },
  });
  return methods.map(({ name }) => name).sort();
}

/** The commands that need nothing of the agent. */
function listCommands(osReleaseFile: string | undefined): AgentCommand[] {
  return [
    ...SYNC,
    PING,
    ...createClockCommands(),
    GET_HOST_NAME,
    createOsInfo(osReleaseFile),
    createGetUsers(),
    createGetLoad(),
    ...createNetworkCommands(),
    ...createProcessorCommands(),
    ...createMemoryBlockCommands(),
    GET_FSINFO,
    ...createDiskCommands(),
    createTrim(),
    ...createAccountCommands(),
    ...createPowerCommands(),
  ];
}
