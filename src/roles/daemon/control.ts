/** Owns the control socket, on which a daemon serves the command lines of the same machine. */
import { dialSocket } from "../../channels/socket/socket.ts";
import { listenSocket } from "../../channels/socket/socket-listener.ts";
import { NegotiatorError } from "../../errors.ts";
import type { Limits } from "../../limits.ts";
import { logFor } from "../../log.ts";
import { createLink } from "../../peers/link.ts";
import { createLimitedLog } from "../../policy/limited-log.ts";
import { printable } from "../../printable.ts";
import type { Channel } from "../../wire/channel.ts";
import type { IncomingCall } from "../../wire/calls/incoming-call.ts";
import { describeAgent, makeId } from "../identity.ts";
import { openCliSession } from "../cli/cli-session.ts";
import type { CliSession } from "../cli/cli-session.ts";

/** Besides root, members of this group may use the control socket, if the group exists. */
const CONTROL_GROUP = "negotiator";
const CONTROL_MODE = 0o660;

/** Each connection needs a descriptor, and the daemon needs descriptors for the other side too. */
const SERVED_CONNECTIONS = 512;
/** Further connections that get an answer with the reason; the daemon closes all others at once. */
const REFUSED_CONNECTIONS = 32;
/** The longest time of a connection without an open session: before the hello or after the end. */
const IDLE_MS = 10_000;
const WARNING_RATE = { calls: 1, perMs: 60_000 };

const log = logFor("control");

/** Options of the control socket. */
export type ControlOptions = {
  limits: Limits;
  onCall: (call: IncomingCall) => void;
  /** Connections that are served at once; tests pass another number. */
  maxConnections?: number;
  /** The longest time of a connection without an open session; tests pass another number. */
  idleMs?: number;
};

/**
 * Serves every connection until it is disposed. While too many are open, it answers the calls of further ones
 * with `BUSY`. Throws `BUSY` when a daemon serves there already.
 */
export function listenControl(
  role: "host" | "guest",
  path: string,
  { limits, onCall, maxConnections = SERVED_CONNECTIONS, idleMs = IDLE_MS }: ControlOptions,
): Promise<AsyncDisposable> {
  let served = 0;
  let refused = 0;
  const warn = createLimitedLog({
    write: (line) => log.warn(line),
    rate: WARNING_RATE,
    now: () => performance.now(),
  });

  const serve = async (channel: Channel, answer: (call: IncomingCall) => void): Promise<void> => {
    const idle = new AbortController();
    const abort = (): void => idle.abort();
    let idleTimer = setTimeout(abort, idleMs);
    const link = createLink({
      side: "listener",
      agent: describeAgent(role),
      makeId,
      limits,
      onCall: answer,
      onState(state) {
        clearTimeout(idleTimer);
        if (state !== "open") idleTimer = setTimeout(abort, idleMs);
      },
    });
    try {
      await link.run(channel, idle.signal);
    } catch (thrown) {
      log.debug(NegotiatorError.from(thrown).message);
    } finally {
      // A command line does not connect again, so its calls end with its connection.
      link.session.close("the connection ended");
      clearTimeout(idleTimer);
    }
  };

  return listenSocket(path, {
    mode: CONTROL_MODE,
    group: CONTROL_GROUP,
    onChannel(channel) {
      if (served < maxConnections) {
        served++;
        return void serve(channel, onCall).finally(() => served--);
      }
      warn([], `${served} local connections are open: the daemon refuses more\n${listConnections(path)}`);
      if (refused >= REFUSED_CONNECTIONS) return void channel.close();
      refused++;
      return void serve(channel, (call) => call.fail(tooMany(path, maxConnections))).finally(() => refused--);
    },
  });
}

/** Connects to the daemon; undefined when no daemon runs. Throws `DENIED` when this user may not connect. */
export async function dialControl(role: "host" | "guest", path: string): Promise<CliSession | undefined> {
  try {
    return openCliSession(role, await dialSocket(path, { group: CONTROL_GROUP }));
  } catch (thrown) {
    const error = NegotiatorError.from(thrown);
    if (error.code === "NO_CHANNEL") return undefined;
    throw error;
  }
}

/** Returns the error for a request that only a daemon can answer, when no daemon runs. */
export function noDaemon(role: "host" | "guest", path: string): NegotiatorError {
  const remedy = `Start it: negotiator ${role} daemon`;
  return new NegotiatorError("NO_CHANNEL", `No daemon of negotiator listens at "${path}"`, { remedy });
}

/** Returns the error for a daemon that listens but does not answer. */
export function unresponsiveDaemon(): NegotiatorError {
  return new NegotiatorError("NO_CHANNEL", "The daemon has its control socket open, but does not answer", {
    remedy: "Check its log, and restart it",
  });
}

function tooMany(path: string, maxConnections: number): NegotiatorError {
  const message = `Too many local connections (${maxConnections} of ${maxConnections})`;
  return new NegotiatorError("BUSY", message, { remedy: listConnections(path) });
}

function listConnections(path: string): string {
  return `Wait, or find them with: ss -xp src "${printable(path)}"`;
}
