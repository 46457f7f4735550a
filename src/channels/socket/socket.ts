/** Owns unix sockets: dials them, and serves one that has the right mode and group from its first moment. */
import { lstatSync, renameSync } from "node:fs";
import { chmod, chown, link, lstat, mkdir, mkdtemp, readFile, rm, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errnoOf, NegotiatorError } from "../../errors.ts";
import { printable } from "../../printable.ts";
import type { Channel } from "../../wire/channel.ts";
import { explainFailure } from "../failure.ts";
import type { FailureCase } from "../failure.ts";
import { connectionOptions } from "./socket-connection.ts";
import { explainEntry, findGroup } from "./socket-group.ts";
import { checkDirectory, checkLength, findSocket } from "./socket-path.ts";

/** `group`: members of it may use the socket, where the group exists; a user who may not connect is told how to join. */
export type DialOptions = { signal?: AbortSignal; group?: string };

/**
 * Connects to the socket at `path`. A listener that takes one client at a time, as QEMU does, lets the next one connect and
 * wait without an answer. Throws `NO_CHANNEL` when nobody listens there, `DENIED`, `BUSY` when too many wait in line,
 * `CANCELLED` after `signal` was aborted.
 */
export async function dialSocket(path: string, { signal, group }: DialOptions = {}): Promise<Channel> {
  const action = `Cannot connect to "${printable(path)}"`;
  checkLength(action, path);
  const { promise, resolve } = Promise.withResolvers<Channel>();
  refuseAborted(action, signal);
  try {
    await Bun.connect(connectionOptions(path, resolve));
  } catch (thrown) {
    // Bun calls both refused: a socket without a listener, and one at which too many wait.
    if (errnoOf(thrown) === "ECONNREFUSED" && (await isListening(path))) throw tooMany(action, path);
    const look = `Run as root, or look at: ls -l ${printable(path)}`;
    const isRefused = ["EACCES", "EPERM"].includes(errnoOf(thrown) ?? "");
    const entry = isRefused && group !== undefined ? await explainEntry(path, group) : look;
    throw explainFailure(action, thrown, dialCases(entry));
  }
  const channel = await promise;
  if (signal?.aborted === true) await channel.close();
  refuseAborted(action, signal);
  return channel;
}

/** `mode`: permission bits. `group`: gets the socket, where /etc/group has it. `onChannel`: gets each client that connects. */
export type ListenOptions = { mode: number; group?: string; onChannel: (channel: Channel) => void };

/**
 * Serves a socket at `path` until it is disposed of, which also ends its connections and removes the file. A missing last
 * directory is made, a dead socket of ours replaced. Throws `BUSY` when another process listens there, `DENIED` when
 * what is there is not ours or others could replace it, `NO_CHANNEL` when there can be no socket.
 */
export async function listenSocket(path: string, options: ListenOptions): Promise<AsyncDisposable> {
  const action = `Cannot listen at "${printable(path)}"`;
  const directory = dirname(path);
  // The longest one that is bound or dialled.
  checkLength(action, path, join(directory, ".XXXXXX", BOUND_NAME));
  try {
    await mkdir(directory, { mode: 0o755 }).catch(unless("EEXIST"));
    checkDirectory(action, directory);
    // `join` would take the dot away, and the parent is not ours to write to.
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

const BOUND_NAME = "s";
const DEAD_NAME = "d";

function refuseAborted(action: string, signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new NegotiatorError("CANCELLED", `${action}: it was cancelled`);
}

/** Makes way at `path` when nobody listens there any more. */
async function removeDead(action: string, path: string, workshop: string): Promise<void> {
  if ((await findSocket(action, path)) === "nothing") return;
  const found = (await lstat(path).catch(unless("ENOENT")))?.ino;
  if (await isAlive(path)) throw inUse(action, path);
  const aside = join(workshop, DEAD_NAME);
  if (!takeAside(path, found, aside) || !(await isAlive(aside))) return;
  await link(aside, path);
  throw inUse(action, path);
}

/**
 * Moves the file aside if it is still the one that was `found`; whether it was moved. Somebody else may listen there by
 * now, and while a living socket is aside a third one could take its place. Hence nothing of this process comes between
 * look and move; another process has hardly time to, and what was moved is looked at again for that.
 */
function takeAside(path: string, found: number | undefined, aside: string): boolean {
  const present = lstatSync(path, { throwIfNoEntry: false })?.ino;
  if (present === undefined || present !== found) return false;
  try {
    renameSync(path, aside);
    return true;
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return false;
    throw thrown;
  }
}

async function isAlive(path: string): Promise<boolean> {
  try {
    const channel = await dialSocket(path);
    await channel.close();
    return true;
  } catch (thrown) {
    const { code } = NegotiatorError.from(thrown);
    if (code === "NO_CHANNEL") return false;
    if (code === "BUSY") return true;
    throw thrown;
  }
}

/**
 * A socket's file has its final mode and group only after it is bound, so that is done where nobody else can enter, and it
 * gets its name when it is ready. `link`, because it does not replace what is there, unlike `rename`.
 */
async function publish(path: string, bound: string, options: ListenOptions): Promise<AsyncDisposable> {
  const { mode, group, onChannel } = options;
  const server = Bun.listen({ ...connectionOptions(path, onChannel), unix: bound });
  try {
    const gid = group === undefined ? undefined : await findGroup(group);
    if (gid !== undefined) await chown(bound, -1, gid);
    await chmod(bound, mode);
    const { ino } = await lstat(bound);
    await link(bound, path);
    return {
      async [Symbol.asyncDispose]() {
        const present = await lstat(path).catch(unless("ENOENT"));
        if (present?.ino === ino) await unlink(path);
        server.stop(true);
      },
    };
  } catch (thrown) {
    server.stop(true);
    throw thrown;
  }
}

/** Lets an error of that name pass as undefined. */
function unless(errno: string): (thrown: unknown) => undefined {
  return (thrown) => {
    if (errnoOf(thrown) !== errno) throw thrown;
    return undefined;
  };
}

/** Whether the kernel has a listener of that name (proc_pid_net(5): `unix`, of which the flag is __SO_ACCEPTCON). */
async function isListening(path: string): Promise<boolean> {
  const lines = (await readFile("/proc/net/unix", "utf8").catch(() => "")).split("\n");
  return lines.some((line) => LISTENER.exec(line)?.[1] === path);
}

const LISTENER = /^\S+: \S+ \S+ 00010000 \S+ \S+ +\d+ (.*)$/;

function tooMany(action: string, path: string): NegotiatorError {
  const remedy = `Find them with: ss -xp src "${printable(path)}"`;
  return new NegotiatorError("BUSY", `${action}: too many clients wait there already`, { remedy });
}

function inUse(action: string, path: string): NegotiatorError {
  const remedy = `Find it with: ss -xlp src "${printable(path)}"`;
  return new NegotiatorError("BUSY", `${action}: another process listens there`, { remedy });
}

/** `entry` is the remedy for somebody who may not connect. */
function dialCases(entry: string): Record<string, FailureCase> {
  const denied = noPermission(entry);
  return {
    ENOENT: {
      code: "NO_CHANNEL",
      condition: "there is no such socket",
      remedy: "Is the other side started, and the path right?",
    },
    ECONNREFUSED: {
      code: "NO_CHANNEL",
      condition: "nobody listens there",
      remedy: "Start the program that serves it",
    },
    EACCES: denied,
    EPERM: denied,
  };
}

function listenCases(path: string): Record<string, FailureCase> {
  const directory = printable(dirname(path));
  const denied = noPermission(`Run as root, or look at: ls -ld ${directory}`);
  return {
    ENOENT: {
      code: "NO_CHANNEL",
      condition: `there is no directory "${directory}"`,
      remedy: `Make it: mkdir -p ${directory}`,
    },
    EACCES: denied,
    EPERM: denied,
    EEXIST: { code: "BUSY", condition: "another process has just begun to listen there" },
  };
}

function noPermission(remedy: string): FailureCase {
  return { code: "DENIED", condition: "no permission", remedy };
}
