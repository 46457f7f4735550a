/**
 * Owns old agents at ports: a guest's in memory, with one host client at a time like QEMU, and a host's at a
 * socket.
 */
import { createMemoryPair } from "./memory-channel.ts";
import { listenSocket } from "../../src/channels/socket/socket-listener.ts";
import type { MemoryPair } from "./memory-channel.ts";
import type { Channel } from "../../src/wire/channel.ts";
import { createOldServer } from "./old-peer.ts";
import type { OldServer, OldServerOptions } from "./old-peer.ts";

/** A guest's port with an agent behind it. */
export type PortOf<Agent> = {
  readonly agent: Agent;
  /** Connects at once. A second client waits in silence until the first one has disconnected. */
  dial: () => Promise<Channel>;
  /** How many clients have connected so far. */
  readonly dialled: number;
  /** How many clients were served so far. */
  readonly served: number;
  /** Cuts the connection of the client that is served now. */
  cut: () => void;
};

/** The port of an old guest. */
export type OldPort = PortOf<OldServer>;

/** `keepsOutput` decides whether output without a host client is kept for the next one, or lost. */
export type OldPortOptions = Omit<OldServerOptions, "write"> & { keepsOutput?: () => boolean };

/** Creates a port with a running agent. */
export function createOldPort({ keepsOutput, ...options }: OldPortOptions): OldPort {
  return createPortOf((write) => createOldServer({ ...options, write }), keepsOutput);
}

/** Creates a port with the agent of `start`, which writes to the port by `write`. */
export function createPortOf<Agent extends Pick<OldServer, "receive">>(
  start: (write: OldServerOptions["write"]) => Agent,
  keepsOutput = () => true,
): PortOf<Agent> {
  let current: MemoryPair | undefined;
  let kept: Uint8Array[] = [];
  let dialled = 0;
  let served = 0;
  let last: Promise<void> = Promise.resolve();

  const agent = start(async (bytes) => {
    const client = current?.ends[1];
    if (client === undefined) {
      if (keepsOutput()) kept.push(bytes);
    } else await client.write(bytes).catch(() => undefined);
  });
  const serve = async (pair: MemoryPair): Promise<void> => {
    current = pair;
    served++;
    pair.flow();
    const late = Buffer.concat(kept);
    kept = [];
    if (late.length > 0) void pair.ends[1].write(late).catch(() => undefined);
    for await (const bytes of pair.ends[1]) agent.receive(bytes);
    await pair.ends[1].close();
    current = undefined;
  };

  return {
    agent,
    async dial() {
      const pair = createMemoryPair({ labels: ["old guest", "host"] });
      dialled++;
      last = last.then(() => serve(pair));
      return pair.ends[0];
    },
    get dialled() {
      return dialled;
    },
    get served() {
      return served;
    },
    cut: () => current?.cut(),
  };
}

/** An old host's worker. Disposal closes its socket. */
export type OldHost = AsyncDisposable & { readonly worker: OldServer };

/** Runs an old host's worker. Programs of a guest open its port as a socket at `path`, one at a time. */
export async function createOldHost(
  path: string,
  options: Omit<OldServerOptions, "write">,
): Promise<OldHost> {
  let opened: Channel | undefined;
  const worker = createOldServer({
    ...options,
    write: (bytes) => opened?.write(bytes).catch(() => undefined),
  });
  const read = async (channel: Channel): Promise<void> => {
    opened = channel;
    for await (const bytes of channel) worker.receive(bytes);
    if (opened === channel) opened = undefined;
    await channel.close();
  };
  const listening = await listenSocket(path, { mode: 0o600, onChannel: (channel) => void read(channel) });
  return { worker, [Symbol.asyncDispose]: () => listening[Symbol.asyncDispose]() };
}
