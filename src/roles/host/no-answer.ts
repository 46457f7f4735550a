/** Why a guest does not answer, as far as the host can tell. */
import { PORT_NAMES } from "../../discovery/endpoint.ts";
import type { Endpoint } from "../../discovery/endpoint.ts";
import { NegotiatorError } from "../../errors.ts";
import type { Session } from "../../wire/session/session.ts";

/** What to say of a guest that can call its host, but cannot be called. */
export function noCallingPort(guest: string): NegotiatorError {
  return new NegotiatorError("NO_CHANNEL", `Guest "${guest}" has no port ${PORT_NAMES.hostToGuest}`, {
    remedy: "Add it to the guest's definition; the README's \"Start with libvirt\" says how",
  });
}

/** What to say of a call that the guest does not answer; `unreachable` is why its channel could not be opened, if so. */
export function explainGuestSilence(
  guest: string,
  { peer }: Pick<Session, "peer">,
  endpoint: Pick<Endpoint, "path" | "state" | "connected" | "isManaged"> | undefined,
  unreachable?: NegotiatorError,
): NegotiatorError {
  if (endpoint?.state === "saved") {
    const words =
      endpoint.isManaged === true ? `start ${guest}` : "restore FILE, with the file of virsh save";
    return unanswered(guest, "it is saved", `Bring it back: virsh ${words}`);
  }
  if (endpoint?.state === "paused")
    return unanswered(guest, "it is paused", `Wake it: virsh resume ${guest}`);
  if (unreachable !== undefined)
    return new NegotiatorError("NO_CHANNEL", `Guest "${guest}" does not answer: ${unreachable.message}`);
  if (peer !== undefined)
    return unanswered(guest, "its agent did answer before, and is silent now", START_AGENT);
  if (endpoint?.connected === false) {
    return unanswered(guest, "no program in it has the channel open", START_AGENT);
  }
  const remedy = `${START_AGENT}; or another program on this host holds the channel, see: ss -xp | grep ${endpoint?.path ?? "negotiator"}`;
  return unanswered(guest, "its channel is there, but no agent answers on it", remedy);
}

const START_AGENT = "Start the agent in the guest: negotiator guest daemon";

function unanswered(guest: string, why: string, remedy: string): NegotiatorError {
  return new NegotiatorError("NO_CHANNEL", `Guest "${guest}" does not answer: ${why}`, { remedy });
}
