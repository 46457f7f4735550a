/** Old agents behind ports: a guest's in memory, with one host client at a time as QEMU has it, and a host's as a socket. */
import { createMemoryPair } from "./memory-channel.ts";
import { listenSocket } from "../../src/channels/socket/socket-listener.ts";
import type { MemoryPair } from "./memory-channel.ts";
import type { Channel } from "../../src/wire/channel.ts";
import { createOldServer } from "./old-peer.ts";
import type { OldServer, OldServerOptions } from "./old-peer.ts";

export type OldPort = {
  readonly agent: OldServer;
  /** Connects at once; a second client waits without a word until the first has left. */
  dial: () => Promise<Channel>;
  /** How many clients have connected, and how many of them were served so far. */
  readonly dialled: number;
  readonly served: number;
  /** Ends the connection that is served, in the middle of whatever it says. */
  cut: () => void;
};

/** `keepsOutput` decides whether the next host client gets what is written while none is there, or nobody. */
export type OldPortOptions = Omit<OldServerOptions, "write"> & { keepsOutput?: () => boolean };

export function createOldPort({ keepsOutput = () => true, ...options }: OldPortOptions): OldPort {
  let current: MemoryPair | undefined;
  let kept: Uint8Array[] = [];
  let dialled = 0;
  let served = 0;
  let last: Promise<void> = Promise.resolve();

  const agent = createOldServer({
    ...options,
    async write(bytes) {
      const client = current?.ends[1];
      if (client === undefined) {
        if (keepsOutput()) kept.push(bytes);
      } else await client.write(bytes).catch(() => undefined);
    },
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

export type OldHost = AsyncDisposable & { readonly worker: OldServer };

/** An old host's worker behind a guest's port, which programs of the guest open one after the other as a socket at `path`. */
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
