/** The ways from a host's command line to a guest: through the daemon, or over the guest's channel itself. */
import { dialSocket } from "../../channels/socket/socket.ts";
import type { TimeLeft } from "../../delay.ts";
import type { Endpoint } from "../../discovery/endpoint.ts";
import { PORT_NAMES } from "../../discovery/endpoint.ts";
import { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { dialControl, unresponsiveDaemon } from "../daemon/control.ts";
import type { PeerConnection } from "../cli/execute-through.ts";
import type { Invocation } from "../cli/subcommand.ts";
import { connectThroughDaemon, connectDirectly } from "../cli/cli-session.ts";
import { retryWhileBusy } from "../../peers/retry-while-busy.ts";
import { createFinders, readFlaggedGuests } from "./finders.ts";
import { noGuest } from "./guests.ts";
import { noCallingPort, explainGuestSilence } from "./no-answer.ts";

const log = logFor("host");

/** Goes through the daemon when one runs, unless `--direct` or `--socket` says otherwise. Throws `NO_GUEST`, `NO_CHANNEL`. */
export async function connectGuest(
  name: string,
  invocation: Invocation,
  left: TimeLeft,
): Promise<PeerConnection> {
  const { words, config } = invocation;
  if (!words.options.has("direct") && !words.options.has("socket")) {
    const control = await dialControl("host", config.settings.host.control);
    if (control !== undefined) return connectThroughDaemon(control, unresponsiveDaemon, { guest: name });
  }
  const endpoint = await findGuest(name, invocation);
  return connectDirectly({
    role: "host",
    side: "dialler",
    open: (given) =>
      retryWhileBusy((signal) => dialSocket(endpoint.path, { signal }), { timeoutMs: left(), signal: given }),
    left,
    explainSilence: (session) => explainGuestSilence(name, session, endpoint),
  });
}

/** The channels of all guests that can be found now, the daemon not asked. */
export async function findEndpoints({ words, config }: Invocation): Promise<readonly Endpoint[]> {
  const flagged = readFlaggedGuests(words.options.get("socket") ?? []);
  const { find } = createFinders(config.settings, flagged);
  const { endpoints, problems } = await find(new AbortController().signal);
  const [first] = problems;
  if (endpoints.length === 0 && first !== undefined) throw first;
  for (const problem of problems) log.warn(problem.message);
  return endpoints;
}

async function findGuest(name: string, invocation: Invocation): Promise<Endpoint> {
  const endpoints = await findEndpoints(invocation);
  const own = endpoints.filter(({ guest }) => guest === name);
  if (own.length === 0) throw noGuest(name, [...new Set(endpoints.map(({ guest }) => guest))]);
  const endpoint =
    own.find(({ port }) => port === PORT_NAMES.hostToGuest) ??
    own.find(({ port }) => port === PORT_NAMES.bothWays);
  if (endpoint === undefined) {
    throw noCallingPort(name);
  }
  if (endpoint.machine === undefined) return endpoint;
  throw new NegotiatorError(
    "NO_CHANNEL",
    `Guest "${name}" runs on ${endpoint.machine}: its channel is there`,
    {
      remedy: `Run this command on ${endpoint.machine}`,
    },
  );
}
