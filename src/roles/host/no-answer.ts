/** The errors that a host reports when a guest does not answer. */
import type { Endpoint } from "../../discovery/endpoint.ts";
import { attachLine, virshAt } from "../../discovery/attach-line.ts";
import { NegotiatorError } from "../../errors.ts";
import { AGENT_PORT } from "../../peers/qga/port.ts";
import { shellWord } from "../../shell-word.ts";
import type { Session } from "../../wire/session/session.ts";

/**
 * The error for a running guest without a port on which the host can call it. `port` is the port to add;
 * `others` are the ports that the guest has, if they are known. `connect` is the URI of
 * libvirt, if one was set.
 */
export function noCallingPort(
  guest: string,
  port: string,
  others?: readonly string[],
  connect?: string,
): NegotiatorError {
  if (others?.includes(port) === true)
    return new NegotiatorError(
      "NO_CHANNEL",
      `Guest "${guest}" runs, but its port ${port} is not a socket on which QEMU listens`,
      { remedy: `See how to correct it: negotiator host doctor ${shellWord(guest)}` },
    );
  const has = others === undefined ? "" : ` (it has: ${others.length === 0 ? "none" : others.join(", ")})`;
  const add = `Add it: ${attachLine(shellWord(guest), port, connect)}`;
  const keep = others?.includes(AGENT_PORT) === true ? `\n${KEEP_COMMANDS}` : "";
  return new NegotiatorError("NO_CHANNEL", `Guest "${guest}" runs, but has no port ${port}${has}`, {
    remedy: `${add}${keep}`,
  });
}

const KEEP_COMMANDS =
  "Or put commands for its QEMU guest agent into /etc/negotiator/guest-commands on this host";

/** The error for a guest without that port, whose QEMU guest agent does not run. */
export function noAgent(guest: string, port: string): NegotiatorError {
  const why = `it has no port ${port}, and its QEMU guest agent does not run`;
  return unanswered(guest, why, "Start that agent in the guest: systemctl start qemu-guest-agent");
}

/** The error for a guest that does not answer. `unreachable` is the error of a channel that did not open. */
export function explainNoAnswer(
  guest: string,
  session: Pick<Session, "peer" | "farewell"> | undefined,
  endpoint: Pick<Endpoint, "path" | "state" | "connected" | "connect" | "isManaged"> | undefined,
  unreachable?: NegotiatorError,
): NegotiatorError {
  const virsh = virshAt(endpoint?.connect);
  if (endpoint?.state === "saved") {
    const words =
      endpoint.isManaged === true ? `start ${shellWord(guest)}` : "restore FILE, with the file of virsh save";
    return unanswered(guest, "it is saved", `Bring it back: ${virsh} ${words}`);
  }
  if (endpoint?.state === "paused")
    return unanswered(guest, "it is paused", `Resume it: ${virsh} resume ${shellWord(guest)}`);
  if (unreachable !== undefined)
    return new NegotiatorError("NO_CHANNEL", `Guest "${guest}" does not answer: ${unreachable.message}`);
  const stopped = explainStoppedAgent(session, endpoint);
  if (stopped !== undefined) return unanswered(guest, `its agent is not running: ${stopped}`, START_AGENT);
  if (session?.peer !== undefined)
    return unanswered(guest, "its agent answered before, and is silent now", START_AGENT);
  if (endpoint?.connected === false)
    return unanswered(guest, "no program in it has the channel open", START_AGENT);
  const holders = `ss -xp | grep ${shellWord(endpoint?.path ?? "negotiator")}`;
  const remedy = `${START_AGENT}\nIf it runs, find the program that holds the channel: ${holders}`;
  return unanswered(guest, "its channel is there, but no agent answers on it", remedy);
}

/**
 * Returns how it is known that an agent which answered before does not run now: it said goodbye, or the
 * hypervisor says that its port is closed. Returns undefined if that is not known.
 */
export function explainStoppedAgent(
  session: Pick<Session, "peer" | "farewell"> | undefined,
  endpoint: Pick<Endpoint, "connected"> | undefined,
): string | undefined {
  if (session?.peer === undefined) return undefined;
  const { farewell } = session;
  if (farewell !== undefined) return farewell === "" ? "it was stopped" : `it was stopped (${farewell})`;
  return endpoint?.connected === false ? "no program in the guest has the channel open" : undefined;
}

/** The remedy for an agent that does not run. */
export const START_AGENT =
  "Start the agent in the guest: negotiator guest daemon\n" +
  "If it is a service there: systemctl restart negotiator-guest; journalctl -u negotiator-guest";

function unanswered(guest: string, why: string, remedy: string): NegotiatorError {
  return new NegotiatorError("NO_CHANNEL", `Guest "${guest}" does not answer: ${why}`, { remedy });
}
