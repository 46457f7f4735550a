/** The port on which a guest's daemon answers as the QEMU guest agent, if the settings want it. */
import { dirname, join } from "node:path";
import type { Settings } from "../../config/settings.ts";
import type { PortPlaces } from "../../discovery/ports/virtio.ts";
import type { DialectTable } from "../../peers/dialect-table.ts";
import type { AnsweredDialect } from "../../peers/dialect.ts";
import { onAbort } from "../../abort.ts";
import { logFor } from "../../log.ts";
import type { Serve } from "../../methods/serve.ts";
import { findFreezeTime } from "../../process/freezer.ts";
import type { AgentStatus } from "./agent-status.ts";
import type { AgentServe, AgentServices } from "./agent-serve.ts";
import { findOtherAgent } from "./other-agent.ts";
import { createForeignPort } from "./foreign-port.ts";
import type { ForeignPort } from "./foreign-port.ts";
import { findFirst } from "./port.ts";
import type { FoundPort } from "./port.ts";

const log = logFor("daemon");

/** Returns the file whose lock shows that file systems are frozen: beside the control socket, in memory. */
export function freezeLockOf({ control }: Pick<Settings["guest"], "control">): string {
  return join(dirname(control), "frozen");
}

/** The port of the guest agent. */
export type AgentPort = Pick<ForeignPort, "hold"> & {
  /** Resolves with what serves the agent's commands, on the port and to the host itself. */
  serve(): Promise<Serve>;
  /** The number of things of clients that end with this program. */
  readonly heldUpCount: number;
  /**
   * Applies new settings: takes the port, gives it back, or goes to another one. With `auto`, looks again for
   * another agent.
   */
  reload(settings: Settings): void;
  /** Returns its status; null if the settings switch it off. */
  status(): AgentStatus | null;
};

/** The parts of a machine that tests replace: where the kernel shows ports, and how an agent is found. */
export type AgentPlaces = { ports?: PortPlaces; findOther?: typeof findOtherAgent };

/** Creates the port, which is not held yet. */
export function createAgentPort(
  first: Settings,
  services: AgentServices,
  dialects: Pick<DialectTable, "answered">,
  { ports: places = {}, findOther = findOtherAgent }: AgentPlaces = {},
): AgentPort {
  let { guest } = first;
  /** The other agent that the port was left to, at the last look. */
  let leftTo: string | undefined;
  /** Aborts when the settings name another port. */
  let moved = new AbortController();
  const find = async ({ ports }: AnsweredDialect): Promise<FoundPort | undefined> => {
    leftTo = guest.qga === "auto" && guest.qgaPort === "" ? await findOther() : undefined;
    if (guest.qgaPort !== "") return { port: undefined, device: guest.qgaPort };
    if (guest.qga === "no") return undefined;
    return leftTo === undefined ? findFirst(ports, places) : undefined;
  };
  const move = (): void => {
    moved.abort();
    moved = new AbortController();
  };
  /** Gives the port back if another agent was installed meanwhile, or takes it if that one is gone. */
  const lookAgain = async (): Promise<void> => {
    const other = await findOther();
    const isOpen = ports.some(({ device }) => device !== undefined);
    if (isOpen === (other === undefined)) return;
    leftTo = other;
    if (other !== undefined) log.info(`The port of the guest agent is left to ${other}`);
    move();
  };
  const isOff = (): boolean => guest.qga === "no" && guest.qgaPort === "";
  const ports: ForeignPort[] = [];
  /** Most daemons never need the commands. */
  let created: AgentServe | undefined;
  const agent = async (): Promise<AgentServe> => {
    const { createAgentServe } = await import("./agent-serve.ts");
    created ??= createAgentServe(services, {
      freeze: {
        lockFile: freezeLockOf(guest),
        limitMs: guest.freezeSeconds * 1000,
        hook: guest.freezeHook,
      },
    });
    return created;
  };
  const create = async (dialect: AnsweredDialect): Promise<ForeignPort> => {
    const { serve } = await agent();
    const port = createForeignPort({ dialect, serve, services, find: () => find(dialect) });
    ports.push(port);
    return port;
  };
  const holdOne = async (dialect: AnsweredDialect, signal: AbortSignal): Promise<void> => {
    let port: ForeignPort | undefined;
    while (!signal.aborted) {
      const leave = AbortSignal.any([signal, moved.signal]);
      if (isOff()) await waitForAbort(leave);
      else {
        port ??= await create(dialect);
        await port.hold(leave);
      }
    }
  };

  return {
    get heldUpCount() {
      return created?.heldUpCount ?? 0;
    },
    serve: async () => (await agent()).serve,
    async hold(signal) {
      await Promise.all(dialects.answered.map((dialect) => holdOne(dialect, signal)));
      await created?.[Symbol.asyncDispose]();
    },
    reload({ guest: next }) {
      const isMoved = next.qga !== guest.qga || next.qgaPort !== guest.qgaPort;
      guest = next;
      if (isMoved) move();
      else if (guest.qga === "auto" && guest.qgaPort === "") void lookAgain();
    },
    status() {
      if (isOff()) return null;
      const lockFile = freezeLockOf(guest);
      return {
        device: ports.find(({ device }) => device !== undefined)?.device ?? null,
        hasClient: ports.some(({ hasClient }) => hasClient),
        answered: ports.reduce((sum, { answered }) => sum + answered, 0),
        frozenSince: findFreezeTime(lockFile)?.toISOString() ?? null,
        leftTo: leftTo ?? null,
        lastError: ports.find(({ problem }) => problem !== undefined)?.problem ?? null,
      };
    },
  };
}

async function waitForAbort(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  using _ = onAbort(signal, resolve);
  await promise;
}
