/** Owns the client's end of unix sockets. */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { NegotiatorError } from "../../errors.ts";
import { printable } from "../../printable.ts";
import { connectNow } from "../../process/libc-socket.ts";
import { hasEnded, trustRootAndUs } from "../../process/listener-trust.ts";
import type { ExpectedListener, ListenerTrust, PeerFault } from "../../process/listener-trust.ts";
import { identifyPeer } from "../../process/peer-process.ts";
import { judgePlace } from "../../trust/judge-place.ts";
import { ourUid } from "../../trust/ownership.ts";
import { findPlaceFault } from "../../trust/socket-place.ts";
import type { Channel } from "../../wire/channel.ts";
import { explainFailure } from "../failure.ts";
import type { FailureCase } from "../failure.ts";
import { connectionOptions, takeConnection } from "./socket-connection.ts";
import { explainEntry } from "./socket-group.ts";
import { checkLength } from "./socket-path.ts";
import { shellWord } from "../../shell-word.ts";

/**
 * `group`: the group that may use the socket. The error for another user explains how to join it. `listener`:
 * who has to listen there; by default root or our own user. `whileFull`: whether to try again, asked
 * after each try that found too many clients waiting; by default it is not tried again.
 */
export type DialOptions = {
  signal?: AbortSignal;
  group?: string;
  listener?: ListenerTrust;
  whileFull?: () => Promise<boolean>;
};

/**
 * Connects to the socket at `path`, if only the right process could listen there, and does. Nothing is sent
 * to another process, and nothing read from it.
 *
 * A listener that serves one client at a time, as QEMU does, lets further clients connect and wait without an
 * answer. Throws `NO_CHANNEL` when no process listens there, `DENIED` without permission and for the wrong
 * place or process, `BUSY` when too many clients wait, `CANCELLED` after `signal` aborted.
 */
export async function dialSocket(path: string, options: DialOptions = {}): Promise<Channel> {
  const { signal, listener = trustRootAndUs } = options;
  const action = `Cannot connect to "${printable(path)}"`;
  checkLength(action, path);
  refuseAborted(action, signal);
  const expected = await listener();
  if ("problem" in expected) {
    // The process of a guest that has ended is missing too, and the missing socket says more.
    await refuseMissing(action, path);
    throw refused(action, expected);
  }
  const fault = await findPlaceFault(path, expected.placeUid);
  if (fault !== undefined) throw refused(action, fault, expected.more);
  refuseAborted(action, signal);
  const { channel, peer } = await connect(action, path, options);
  try {
    await refuseListener(action, expected, peer);
    refuseAborted(action, signal);
    return channel;
  } catch (thrown) {
    await channel.close();
    throw thrown;
  }
}

type Connected = { channel: Channel; peer: ReturnType<typeof identifyPeer> };

async function connect(action: string, path: string, options: DialOptions): Promise<Connected> {
  const { group, signal, whileFull } = options;
  const address = new TextEncoder().encode(path);
  let connection = connectNow(address);
  while (connection === "EAGAIN") {
    if ((await whileFull?.()) !== true) throw tooMany(action, path);
    refuseAborted(action, signal);
    connection = connectNow(address);
  }
  if (typeof connection === "string") {
    const thrown = Object.assign(new Error(`${connection}: ${path}`), { code: connection });
    if (connection === "ECONNREFUSED") await refuseNoSocket(action, path);
    const isRefused = ["EACCES", "EPERM"].includes(connection);
    const remedy =
      isRefused && group !== undefined
        ? await explainEntry(path, group)
        : `Run as root, or check the owner and mode: ls -l ${shellWord(path)}`;
    throw explainFailure(action, thrown, dialCases(remedy));
  }
  const { promise, resolve: connected } = Promise.withResolvers<Connected>();
  const onOpen = (channel: Channel, descriptor: number): void =>
    connected({ channel, peer: identifyPeer(descriptor) });
  await takeConnection(connection, connectionOptions(path, onOpen));
  return promise;
}

async function refuseListener(
  action: string,
  expected: ExpectedListener,
  peer: Connected["peer"],
): Promise<void> {
  using listener = peer;
  const fault = listener === undefined ? UNKNOWN_LISTENER : await expected.findFault(listener);
  if (fault === undefined) return;
  if (listener === undefined || !hasEnded(listener)) throw refused(action, fault);
  const problem = `process ${listener.pid} began to listen there and has ended`;
  throw new NegotiatorError("NO_CHANNEL", `${action}: ${problem}`, { remedy: GONE_REMEDY });
}

const GONE_REMEDY = "Start the program that listens there, or find the process that has its socket: ss -xlp";

const UNKNOWN_LISTENER: PeerFault = {
  problem: "the kernel does not say which process listens there",
  remedy: "Look at the socket: ss -xlp",
};

function refused(action: string, { problem, remedy }: PeerFault, more?: string): NegotiatorError {
  const lines = more === undefined ? remedy : `${remedy}\n${more}`;
  return new NegotiatorError("DENIED", `${action}: ${problem}`, { remedy: lines });
}

async function refuseMissing(action: string, path: string): Promise<void> {
  const { mode } = await judgePlace(resolve(path), { uid: ourUid(), groups: "own" });
  const missing = Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });
  if (mode === undefined) throw explainFailure(action, missing, dialCases(""));
}

/** connect(2) refuses a file of another kind as it does a socket without a listener. */
async function refuseNoSocket(action: string, path: string): Promise<void> {
  const status = await stat(path).catch(() => undefined);
  if (status === undefined || status.isSocket()) return;
  const remedy =
    "Name the socket: for a guest it is the path= of QEMU's -chardev socket,...\nFind sockets: ss -xl";
  throw new NegotiatorError("NO_CHANNEL", `${action}: it is not a socket`, { remedy });
}

function refuseAborted(action: string, signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new NegotiatorError("CANCELLED", `${action}: it was cancelled`);
}

function tooMany(action: string, path: string): NegotiatorError {
  const source = `src ${shellWord(path)}`;
  const remedy = [
    `Find the process, and look whether it is stopped: ss -xlp ${source}; ps -o pid,stat,args -p PID`,
    `Find its clients: ss -xp ${source}`,
  ].join("\n");
  const problem = "the process that listens there takes no more clients, as if it was stopped or hangs";
  return new NegotiatorError("BUSY", `${action}: ${problem}`, { remedy });
}

function dialCases(remedy: string): Record<string, FailureCase> {
  const denied = { code: "DENIED", condition: "no permission", remedy } as const;
  return {
    ENOENT: {
      code: "NO_CHANNEL",
      condition: "there is no such socket",
      remedy: "Check the path, and start the program that listens there",
    },
    ECONNREFUSED: {
      code: "NO_CHANNEL",
      condition: "no process listens there",
      remedy: "Start the program that listens there",
    },
    EACCES: denied,
    EPERM: denied,
  };
}
