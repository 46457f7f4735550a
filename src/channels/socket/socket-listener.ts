/** Owns listening unix sockets: serves one that has the right mode and group from its first moment. */
import { closeSync, lstatSync, renameSync } from "node:fs";
import { chmod, chown, link, lstat, mkdir, mkdtemp, rm, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errnoOf, NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { printable } from "../../printable.ts";
import { trustAnyListener } from "../../process/listener-trust.ts";
import type { ListenerTrust } from "../../process/listener-trust.ts";
import type { Channel } from "../../wire/channel.ts";
import { explainFailure } from "../failure.ts";
import type { FailureCase } from "../failure.ts";
import { dialSocket } from "./socket.ts";
import { refuseDescriptors } from "../../process/libc.ts";
import { noteDescriptor } from "../../process/kept-resources.ts";
import { acceptConnections } from "../../process/acceptor.ts";
import type { AcceptOptions } from "../../process/acceptor.ts";
import { openListener, reopenListener } from "../../process/libc-socket.ts";
import { connectionOptions, takeConnection } from "./socket-connection.ts";
import { findGroupId } from "../../process/group-id.ts";
import { checkDirectory, checkLength, findSocket } from "./socket-path.ts";
import { shellWord } from "../../shell-word.ts";

/**
 * `mode`: permission bits. `group`: the socket's group, if it exists. `admits`: whether a connection is
 * served; all others are closed at once. `onChannel` gets each connection, and its descriptor, which stays
 * the channel's.
 */
export type ListenOptions = AcceptOptions & {
  mode: number;
  group?: string;
  admits?: (descriptor: number) => boolean;
  onChannel: (channel: Channel, descriptor: number) => void;
};

/** A listening socket. */
export type Listener = AsyncDisposable & {
  /** The inode of the socket's file. */
  readonly inode: number;
  /** Accepts no more connections. Those that are open go on. */
  retire(): void;
  /** Returns the socket as plain data, for the program that replaces this one. */
  freeze(): FrozenListener;
};

/** A listening socket as plain data. */
export type FrozenListener = { fd: number; inode: number };

/**
 * Listens at `path`. Disposing ends all connections and removes the file. Makes the last directory if it is
 * missing, and replaces a socket of ours without a listener. Throws `BUSY` when another process listens
 * there, `DENIED` when the file there is not ours or other users could replace it, `NO_CHANNEL` when a socket
 * is not possible there.
 */
export async function listenSocket(path: string, options: ListenOptions): Promise<Listener> {
  const action = `Cannot listen at "${printable(path)}"`;
  const directory = dirname(path);
  const longestPath = join(directory, ".XXXXXX", BOUND_NAME);
  checkLength(action, path, longestPath);
  try {
    await mkdir(directory, { mode: 0o755 }).catch(unless("EEXIST"));
    await checkDirectory(action, directory);
    // `join` would remove the dot, so the new directory would be in the parent, which may not be ours.
    const workshop = await mkdtemp(`${directory}/.`);
    try {
      await removeDead(action, path, workshop);
      return await publish(path, join(workshop, BOUND_NAME), options);
    } finally {
      await rm(workshop, { recursive: true });
    }
  } catch (thrown) {
    throw explainFailure(action, thrown, listenCases(path));
  }
}

/** Goes on with a socket at which another program has listened. Throws if it is not one. */
export function adoptListener(path: string, { fd, inode }: FrozenListener, options: ListenOptions): Listener {
  reopenListener(fd);
  return listenerOf(path, fd, inode, options);
}

function listenerOf(path: string, fd: number, inode: number, options: ListenOptions): Listener {
  const { admits = () => true, onChannel } = options;
  const open = new Set<Channel>();
  const connections = connectionOptions(path, (channel, descriptor) => {
    open.add(channel);
    onChannel(channel, descriptor);
  });
  const { socket } = connections;
  const close: typeof socket.close = (closed) => {
    socket.close(closed);
    if (closed.data !== undefined) open.delete(closed.data.channel);
  };
  const pass = (descriptor: number): void => {
    if (!admits(descriptor)) return closeSync(descriptor);
    const taken = takeConnection(descriptor, { ...connections, socket: { ...socket, close } });
    taken.catch((thrown: unknown) => log.debug(NegotiatorError.from(thrown).message));
  };
  const acceptor = acceptConnections(fd, pass, options);
  const retire = (): void => {
    acceptor.flush();
    acceptor.close();
  };
  return {
    inode,
    retire,
    freeze() {
      acceptor.flush();
      return { fd: noteDescriptor(fd), inode };
    },
    async [Symbol.asyncDispose]() {
      const present = await lstat(path).catch(unless("ENOENT"));
      if (present?.ino === inode) await unlink(path);
      acceptor.close();
      await Promise.all([...open].map((channel) => channel.close()));
    },
  };
}

const log = logFor("socket");
const BOUND_NAME = "s";
const DEAD_NAME = "d";

async function removeDead(action: string, path: string, workshop: string): Promise<void> {
  if ((await findSocket(action, path)) === "nothing") return;
  const found = (await lstat(path).catch(unless("ENOENT")))?.ino;
  const listener = await findListener(path);
  if (listener !== undefined) throw inUse(action, path, listener);
  const moved = join(workshop, DEAD_NAME);
  if (!moveIfSame(path, found, moved)) return;
  const late = await findListener(moved);
  if (late === undefined) return;
  await link(moved, path);
  throw inUse(action, path, late);
}

/** Another process may listen at `path` by now, so nothing of ours may run between check and move. */
function moveIfSame(path: string, found: number | undefined, target: string): boolean {
  const present = lstatSync(path, { throwIfNoEntry: false })?.ino;
  if (present === undefined || present !== found) return false;
  try {
    renameSync(path, target);
    return true;
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return false;
    throw thrown;
  }
}

/** Returns the process that listens at `path`, 0 if it cannot be known, undefined if there is none. */
async function findListener(path: string): Promise<number | undefined> {
  let pid = 0;
  const listener: ListenerTrust = async () => ({
    ...(await trustAnyListener()),
    findFault(peer) {
      ({ pid } = peer);
      return Promise.resolve(undefined);
    },
  });
  try {
    const channel = await dialSocket(path, { listener });
    await channel.close();
    return pid;
  } catch (thrown) {
    const { code } = NegotiatorError.from(thrown);
    if (code === "NO_CHANNEL") return undefined;
    if (code === "BUSY") return pid;
    throw thrown;
  }
}

async function publish(path: string, bound: string, options: ListenOptions): Promise<Listener> {
  const { mode, group } = options;
  // A new socket has the wrong mode and group at first, so no other user may enter its directory.
  const fd = openListener(new TextEncoder().encode(bound));
  // No other process can connect yet, and the sockets that it accepts are like it.
  refuseDescriptors(fd);
  try {
    const gid = group === undefined ? undefined : await findGroupId(group);
    if (gid !== undefined) await chown(bound, -1, gid);
    await chmod(bound, mode);
    const { ino } = await lstat(bound);
    // Unlike `rename`, `link` does not replace an existing file.
    await link(bound, path);
    return listenerOf(path, fd, ino, options);
  } catch (thrown) {
    closeSync(fd);
    throw thrown;
  }
}

function unless(errno: string): (thrown: unknown) => undefined {
  return (thrown) => {
    if (errnoOf(thrown) !== errno) throw thrown;
    return undefined;
  };
}

function inUse(action: string, path: string, pid: number): NegotiatorError {
  if (pid > 0) {
    const problem = `another process listens there (process ${pid})`;
    const stop = `If it is a daemon of negotiator, use it, or stop it first: kill ${pid}`;
    const remedy = `Look at it: ps -fp ${pid}\n${stop}`;
    return new NegotiatorError("BUSY", `${action}: ${problem}`, { remedy });
  }
  // `ss` shows the name under which the socket was bound, in a folder beside `path`.
  const remedy = `Find it with: ss -xlp | grep "${printable(dirname(path))}/"`;
  return new NegotiatorError("BUSY", `${action}: another process listens there`, { remedy });
}

function listenCases(path: string): Record<string, FailureCase> {
  const directory = printable(dirname(path));
  const denied: FailureCase = {
    code: "DENIED",
    condition: "no permission",
    remedy: `Run as root, or check the owner and mode: ls -ld ${shellWord(directory)}`,
  };
  return {
    ENOENT: {
      code: "NO_CHANNEL",
      condition: `there is no directory "${directory}"`,
      remedy: `Make it: mkdir -p ${shellWord(directory)}`,
    },
    EACCES: denied,
    EPERM: denied,
    EEXIST: { code: "BUSY", condition: "another process has just begun to listen there" },
  };
}
