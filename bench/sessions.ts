/** Opens sessions with daemons from the bench's own process, without a command line. */
import { listenSocket } from "../src/channels/socket/socket-listener.ts";
import { NegotiatorError } from "../src/errors.ts";
import { createNativePeer } from "../src/peers/native.ts";
import type { Peer } from "../src/peers/peer.ts";
import { executeOn } from "../src/peers/remote-command.ts";
import type { RemoteCommand } from "../src/peers/remote-command.ts";
import { openCliSession } from "../src/roles/cli/cli-session.ts";
import type { CliSession } from "../src/roles/cli/cli-session.ts";
import { dialControl } from "../src/roles/cli/control-client.ts";
import type { Channel } from "../src/wire/channel.ts";
import type { StreamReader } from "../src/wire/calls/stream-reader.ts";

/** The other end of an open session. Disposal ends the session. */
export type OpenPeer = AsyncDisposable & { peer: Peer };

/** A call that takes longer fails. */
const CALL_MS = 300_000;

/** Opens a session with the host's daemon, for calls to the guest. */
export async function openControl(control: string, guest: string): Promise<OpenPeer> {
  const opened = await dialControl("host", control);
  if (opened === undefined) throw new Error(`No daemon listens at ${control}`);
  return peerOf(opened, { guest });
}

/** A port whose host end is in this process. `peer` resolves when the guest's daemon has connected. */
export type OwnPort = AsyncDisposable & { peer: Promise<Peer> };

/** Listens at `path` for a guest's daemon, and opens a session as its host. */
export async function listenAsHost(path: string): Promise<OwnPort> {
  const owned = new AsyncDisposableStack();
  const { promise, resolve } = Promise.withResolvers<Channel>();
  owned.use(await listenSocket(path, { mode: 0o600, onChannel: resolve }));
  return {
    peer: promise.then((channel) => owned.use(openPeer(channel, {})).peer),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Starts a command without limit of time. */
export function startCommand(peer: Peer, command: string, hasInput = false): RemoteCommand {
  return executeOn(peer, { command, args: [], hasInput, timeoutMs: CALL_MS });
}

/** Runs a command to its end, and drops its output. Returns the bytes of its output. Throws if it fails. */
export async function runCommand(peer: Peer, command: string): Promise<number> {
  return finishCommand(startCommand(peer, command), command);
}

/** Reads the output to its end. Returns its bytes. Throws if the command fails. */
export async function finishCommand({ stdout, stderr, ended }: RemoteCommand, name: string): Promise<number> {
  const [bytes, errorBytes, { exitCode }] = await Promise.all([drain(stdout), drain(stderr), ended]);
  if (exitCode !== 0 || errorBytes > 0) throw new Error(`Command "${name}" ended with ${exitCode}`);
  return bytes;
}

function openPeer(channel: Channel, extra: Readonly<Record<string, string>>): OpenPeer {
  return peerOf(openCliSession("host", channel), extra);
}

function peerOf(opened: CliSession, extra: Readonly<Record<string, string>>): OpenPeer {
  return {
    peer: createNativePeer(opened.session, { extra, explainNoAnswer }),
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

function explainNoAnswer(): NegotiatorError {
  return new NegotiatorError("NO_CHANNEL", "The peer does not answer");
}

async function drain(reader: StreamReader): Promise<number> {
  let bytes = 0;
  for await (const piece of reader) bytes += piece.length;
  return bytes;
}
