/** Finds guests and connects to one without the daemon. */
import { dialSocket } from "../../channels/socket/socket.ts";
import type { TimeLeft } from "../../delay.ts";
import type { Endpoint } from "../../discovery/endpoint.ts";
import { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { DIALECTS } from "../../peers/dialects.ts";
import type { PortUse } from "../../peers/dialect-table.ts";
import { retryWhileBusy } from "../../peers/retry-while-busy.ts";
import { auditDirectCall } from "../cli/direct-audit.ts";
import { connectDirectly } from "../cli/peer-connection.ts";
import type { CommandCall, PeerConnection } from "../cli/peer-connection.ts";
import type { Invocation } from "../cli/subcommand.ts";
import { createFinders, readFlaggedGuests } from "./finders.ts";
import { explainNoAnswer, noCallingPort } from "./no-answer.ts";
import { noGuest } from "./no-guest.ts";

const log = logFor("host");

/** Connects to a guest over its channel, for a `call` if there is one. Throws `NO_GUEST` or `NO_CHANNEL`. */
export async function connectGuestDirectly(
  name: string,
  invocation: Invocation,
  left: TimeLeft,
  call?: CommandCall,
): Promise<PeerConnection> {
  const { settings } = invocation.config;
  return auditDirectCall(
    { role: "host", peer: { guest: name }, call, settings: settings.audit },
    async () => {
      const { endpoint, port } = await findGuest(name, invocation);
      return connectDirectly({
        role: "host",
        limits: settings.limits,
        port,
        open: (given) =>
          retryWhileBusy((signal) => dialSocket(endpoint.path, { signal }), {
            timeoutMs: left(),
            signal: given,
          }),
        left,
        explainNoAnswer: (session) => explainNoAnswer(name, session, endpoint),
      });
    },
  );
}

/** Finds the channels of all guests, without the daemon. Throws the first problem if it finds none. */
export async function findEndpoints(invocation: Invocation): Promise<readonly Endpoint[]> {
  const { words, config, dialects = DIALECTS } = invocation;
  const flagged = readFlaggedGuests(words.options.get("socket") ?? [], dialects);
  const { find } = createFinders(config.settings, flagged, dialects);
  const { endpoints, problems } = await find(new AbortController().signal);
  const [first] = problems;
  if (endpoints.length === 0 && first !== undefined) throw first;
  for (const problem of problems) log.warn(problem.message);
  return endpoints;
}

async function findGuest(
  name: string,
  invocation: Invocation,
): Promise<{ endpoint: Endpoint; port: PortUse }> {
  const dialects = invocation.dialects ?? DIALECTS;
  const endpoints = await findEndpoints(invocation);
  const own = endpoints.filter(({ guest }) => guest === name);
  if (own.length === 0) throw noGuest(name, [...new Set(endpoints.map(({ guest }) => guest))]);
  for (const port of dialects.callingPorts("host")) {
    const endpoint = own.find((candidate) => candidate.port === port.name);
    if (endpoint?.machine !== undefined) throw onAnotherMachine(name, endpoint.machine);
    if (endpoint !== undefined) return { endpoint, port };
  }
  throw noCallingPort(name, dialects.defaultPort);
}

function onAnotherMachine(name: string, machine: string): NegotiatorError {
  return new NegotiatorError("NO_CHANNEL", `Guest "${name}" runs on another machine: ${machine}`, {
    remedy: `Run this command on ${machine}`,
  });
}
