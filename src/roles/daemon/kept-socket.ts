/** Keeps a daemon's socket at its path: makes it again after it was removed. */
import { adoptListener, listenSocket } from "../../channels/socket/socket-listener.ts";
import type { FrozenListener, Listener, ListenOptions } from "../../channels/socket/socket-listener.ts";
import { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { everyTick } from "../../peers/ticker.ts";
import { walkLocally } from "../../process/mount-table.ts";
import type { EveryTick } from "../../peers/ticker.ts";

/** Options of a kept socket. Tests replace the shared timer. */
export type KeepOptions = ListenOptions & {
  every?: EveryTick;
  /** The socket of the program that this one has replaced. */
  frozen?: FrozenListener | undefined;
};

/** A socket that stays. Disposing ends all connections. */
export type KeptSocket = AsyncDisposable & { freeze(): FrozenListener };

const log = logFor("control");

/**
 * Listens at `path` as `listenSocket` does, and throws what that throws. Looks once a second whether the
 * socket is still there. Connections over a removed socket go on. Leaves what another process has put in its
 * place.
 */
export async function keepListening(
  path: string,
  { every = everyTick, frozen, ...options }: KeepOptions,
): Promise<KeptSocket> {
  let current = await (frozen === undefined ? listenSocket(path, options) : adopt(path, frozen, options));
  const retired: Listener[] = [];
  /** The inode of a file that could not be replaced. */
  let refused: number | undefined;
  let problem: string | undefined;
  let replacing: Promise<void> | undefined;

  const replace = async (found: number | undefined): Promise<void> => {
    try {
      const next = await listenSocket(path, options);
      retired.push(current);
      current.retire();
      current = next;
      refused = problem = undefined;
      log.warn(`The socket "${path}" was removed: it was made again`);
    } catch (thrown) {
      // The same file would be refused again, and a dial each second would disturb its owner.
      refused = found;
      const { message } = NegotiatorError.from(thrown);
      if (message !== problem) log.error(`The socket "${path}" was removed. ${message}`);
      problem = message;
    }
  };
  const look = (): void => {
    const found = inodeOf(path, current.inode);
    const isRefused = found !== undefined && found === refused;
    if (replacing !== undefined || found === current.inode || isRefused) return;
    replacing = replace(found).finally(() => (replacing = undefined));
  };
  const ticking = every(look);

  return {
    freeze: () => current.freeze(),
    async [Symbol.asyncDispose]() {
      ticking[Symbol.dispose]();
      await replacing;
      for (const listener of [current, ...retired]) await listener[Symbol.asyncDispose]();
    },
  };
}

/** A socket that cannot be adopted is made again. */
function adopt(path: string, frozen: FrozenListener, options: ListenOptions): Listener | Promise<Listener> {
  try {
    return adoptListener(path, frozen, options);
  } catch (thrown) {
    log.warn(`The socket "${path}" is made again: ${NegotiatorError.from(thrown).message}`);
    return listenSocket(path, options);
  }
}

/** Returns the inode of what is there. A place that may hang is not looked at, and counts as `usual`. */
function inodeOf(path: string, usual: number | undefined): number | undefined {
  const place = walkLocally(path);
  return place === undefined ? usual : place.status?.ino;
}
