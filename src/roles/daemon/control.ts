/** The control socket: how a command line talks to the daemon on its own machine. The native dialect over unix. */
import { dialSocket, listenSocket } from "../../channels/socket/socket.ts";
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

/** Members of this group may use the control socket, where the group exists; others need to be root. */
const CONTROL_GROUP = "negotiator";
const CONTROL_MODE = 0o660;

/** Connections that are served at once: each costs a descriptor, and the daemon needs some for the other side too. */
const SERVED_CONNECTIONS = 512;
/** So many more are told why they are not served; whoever comes after them is hung up on. */
const REFUSED_CONNECTIONS = 32;
/** How long a connection may stay without a conversation: before the first hello, and after the conversation's end. */
const SPEECHLESS_MS = 10_000;
/** A crowd at the door is told of once in so long. */
const CROWD_NEWS = { calls: 1, perMs: 60_000 };

const log = logFor("control");

export type ControlOptions = {
  limits: Limits;
  onCall: (call: IncomingCall) => void;
  /** Connections that are served at once, and milliseconds that one may stay without a conversation; others are for tests. */
  most?: number;
  speechlessMs?: number;
};

/**
 * Serves everyone who connects, until it is disposed of. While too many are connected, the calls of further ones are
 * answered with `BUSY`. Throws `BUSY` when a daemon serves there already.
 */
export function listenControl(
  role: "host" | "guest",
  path: string,
  { limits, onCall, most = SERVED_CONNECTIONS, speechlessMs = SPEECHLESS_MS }: ControlOptions,
): Promise<AsyncDisposable> {
  let served = 0;
  let refused = 0;
  const warn = createLimitedLog({
    write: (line) => log.warn(line),
    rate: CROWD_NEWS,
    now: () => performance.now(),
  });

  /** Nobody comes back to the connection of a command line: what it had asked for ends with it. */
  const serve = async (channel: Channel, answer: (call: IncomingCall) => void): Promise<void> => {
    const over = new AbortController();
    const hangUp = (): void => over.abort();
    let speechless = setTimeout(hangUp, speechlessMs);
    const link = createLink({
      side: "listener",
      agent: describeAgent(role),
      makeId,
      limits,
      onCall: answer,
      onState(state) {
        clearTimeout(speechless);
        if (state !== "open") speechless = setTimeout(hangUp, speechlessMs);
      },
    });
    try {
      await link.run(channel, over.signal);
    } catch (thrown) {
      log.debug(NegotiatorError.from(thrown).message);
    } finally {
      link.session.close("the connection ended");
      clearTimeout(speechless);
    }
  };

  return listenSocket(path, {
    mode: CONTROL_MODE,
    group: CONTROL_GROUP,
    onChannel(channel) {
      if (served < most) {
        served++;
        return void serve(channel, onCall).finally(() => served--);
      }
      warn([], `${served} connections of local users are open: others are refused\n${findThem(path)}`);
      if (refused >= REFUSED_CONNECTIONS) return void channel.close();
      refused++;
      return void serve(channel, (call) => call.fail(crowded(path))).finally(() => refused--);
    },
  });
}

/** Connects to the daemon; undefined when none runs. Throws `DENIED` when this user may not. */
export async function dialControl(role: "host" | "guest", path: string): Promise<CliSession | undefined> {
  try {
    return openCliSession(role, await dialSocket(path, { group: CONTROL_GROUP }));
  } catch (thrown) {
    const error = NegotiatorError.from(thrown);
    if (error.code === "NO_CHANNEL") return undefined;
    throw error;
  }
}

/** What is said where only the daemon could answer. */
export function noDaemon(role: "host" | "guest", path: string): NegotiatorError {
  const remedy = `Start it: negotiator ${role} daemon`;
  return new NegotiatorError("NO_CHANNEL", `No daemon of negotiator listens at "${path}"`, { remedy });
}

/** What is said when the daemon is there and does nothing. */
export function silentDaemon(): NegotiatorError {
  return new NegotiatorError("NO_CHANNEL", "The daemon has its control socket open, but does not answer", {
    remedy: "Look at its log, and start it anew",
  });
}

function crowded(path: string): NegotiatorError {
  return new NegotiatorError("BUSY", "The daemon serves as many local connections as it may at once", {
    remedy: findThem(path),
  });
}

function findThem(path: string): string {
  return `Find them with: ss -xp src "${printable(path)}"`;
}
