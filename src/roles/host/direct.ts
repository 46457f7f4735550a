/** Finds guests and connects to one without the daemon. */
import { virshAt } from "../../discovery/attach-line.ts";
import type { Endpoint } from "../../discovery/endpoint.ts";
import { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { DIALECTS } from "../../peers/dialects.ts";
import type { PortUse } from "../../peers/dialect-table.ts";
import { AGENT_PORT } from "../../peers/qga/port.ts";
import { createUserCache } from "../../process/user-cache.ts";
import { auditDirectCall } from "../cli/direct-audit.ts";
import { connectDirectly } from "../cli/peer-connection.ts";
import type { ConnectOptions, PeerConnection } from "../cli/peer-connection.ts";
import type { Invocation } from "../cli/subcommand.ts";
import { askHolder } from "./ask-status.ts";
import { dialGuest } from "./dial-guest.ts";
import { createFinders, readFlaggedGuests } from "./finders.ts";
import { guestCommands } from "./guest-commands.ts";
import { explainNoAnswer, noCallingPort } from "./no-answer.ts";
import { explainStopped, noGuest } from "./no-guest.ts";
import { explainEmpty } from "./no-guests.ts";

const log = logFor("host");

/**
 * Connects to a guest over its channel, for a `call` if there is one. Throws `NO_GUEST` or `NO_CHANNEL`, and
 * `BUSY` beside a daemon that holds the channel.
 */
export async function connectGuestDirectly(
  name: string,
  invocation: Invocation,
  { time, signal, call }: ConnectOptions,
): Promise<PeerConnection> {
  const { settings } = invocation.config;
  return auditDirectCall(
    { role: "host", peer: { guest: name }, call, settings: settings.audit },
    async () => {
      const { endpoint, port } = await findGuest(name, invocation, signal);
      const holder = await askHolder(settings.host.control, endpoint.path);
      if (holder !== undefined) throw heldByDaemon(name, endpoint.path, holder);
      const users = createUserCache();
      return connectDirectly({
        role: "host",
        limits: settings.limits,
        port,
        pushed: guestCommands(name, () => settings),
        open: (given) => dialGuest(endpoint, users, { timeoutMs: time.leftToConnect(), signal: given }),
        time,
        explainNoAnswer: (session) => explainNoAnswer(name, session, endpoint),
      });
    },
  );
}

/** The channels of all guests. `explainMissing` returns the error for a guest that is not among them. */
export type FoundEndpoints = {
  endpoints: readonly Endpoint[];
  explainMissing: (name: string) => Promise<NegotiatorError>;
};

/**
 * Finds the channels of all guests, without the daemon. Throws the first problem if it finds none, and
 * `NO_CHANNEL` if `signal` ends the search. With the `name` of a guest, throws the clash that has this name,
 * and does not report those of other guests.
 */
export async function findEndpoints(
  invocation: Invocation,
  name?: string,
  signal = new AbortController().signal,
): Promise<FoundEndpoints> {
  const { words, config, dialects = DIALECTS } = invocation;
  const flagged = readFlaggedGuests(words.options.get("socket") ?? [], dialects);
  const { find, stopped } = createFinders(config.settings, flagged, dialects);
  const {
    endpoints,
    problems,
    clashes = [],
  } = await find(signal).catch((thrown: unknown) => {
    throw signal.aborted ? searchedTooLong(config.settings.host.connect) : thrown;
  });
  const clash = clashes.find(({ guests }) => guests.includes(name ?? ""));
  if (clash !== undefined) throw clash.error;
  const [first] = problems;
  if (endpoints.length === 0 && first !== undefined) throw first;
  // A caller of one guest can do nothing about the clash of two others.
  const others = name === undefined ? [] : clashes.map(({ error }) => error);
  for (const problem of problems) if (!others.includes(problem)) log.warn(problem.message);
  const explainMissing = async (missing: string): Promise<NegotiatorError> => {
    const known = [...new Set(endpoints.map(({ guest }) => guest))];
    const isStopped = await explainStopped(missing, dialects.defaultPort, stopped, signal);
    if (isStopped !== undefined) return isStopped;
    // A user without rights sees no guest at all, and would look for a mistyped name.
    const empty = known.length === 0 ? await explainEmpty(config.settings, dialects.defaultPort) : undefined;
    return empty?.code === "DENIED" ? empty : noGuest(missing, known, flagged.length > 0);
  };
  return { endpoints, explainMissing };
}

function searchedTooLong(connect: string | undefined): NegotiatorError {
  return new NegotiatorError("NO_CHANNEL", "Cannot find guests: the search did not end in time", {
    remedy:
      `See whether libvirt answers: ${virshAt(connect)} list\n` +
      "Give it more time: --connect-timeout SECONDS",
  });
}

async function findGuest(
  name: string,
  invocation: Invocation,
  signal: AbortSignal,
): Promise<{ endpoint: Endpoint; port: PortUse }> {
  const dialects = invocation.dialects ?? DIALECTS;
  const { endpoints, explainMissing } = await findEndpoints(invocation, name, signal);
  const own = endpoints.filter(({ guest }) => guest === name);
  if (own.length === 0) throw await explainMissing(name);
  for (const port of dialects.callingPorts("host")) {
    const endpoint = own.find((candidate) => candidate.port === port.name);
    if (endpoint === undefined || !(await isOfUse(port, name, invocation))) continue;
    if (endpoint.machine !== undefined) throw onAnotherMachine(name, endpoint.machine);
    return { endpoint, port };
  }
  const ports = own.every(({ port }) => port === AGENT_PORT) ? own.map(({ port }) => port) : undefined;
  throw noCallingPort(name, dialects.defaultPort, ports, own[0]?.connect);
}

/** An agent that runs only commands of this host is of no use without commands. */
async function isOfUse({ foreign: [only] }: PortUse, name: string, { config }: Invocation): Promise<boolean> {
  if (only?.takesPushed !== true) return true;
  return (await guestCommands(name, () => config.settings).list()).length > 0;
}

function heldByDaemon(name: string, path: string, pid: number): NegotiatorError {
  const condition = `negotiator host daemon (process ${pid}) holds "${path}"`;
  return new NegotiatorError("BUSY", `Cannot open the channel of guest "${name}": ${condition}`, {
    remedy: "Leave out --direct and --socket: the daemon passes the call on",
  });
}

function onAnotherMachine(name: string, machine: string): NegotiatorError {
  return new NegotiatorError("NO_CHANNEL", `Guest "${name}" runs on another machine: ${machine}`, {
    remedy: `Run this command on ${machine}`,
  });
}
