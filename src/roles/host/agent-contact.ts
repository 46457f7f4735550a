/** The contact of the host's daemon with the foreign agent of a guest. */
import type { Endpoint } from "../../discovery/endpoint.ts";
import type { ForeignContact } from "../../peers/dialect.ts";
import type { PushedCommands } from "../../peers/pushed-commands.ts";
import type { GuestEndpoints } from "./guest-endpoints.ts";
import type { GuestLinks } from "./guest-links.ts";
import { findOther } from "./guest-state.ts";

/** A guest, and the commands that the host keeps for it. */
export type AgentGuest = {
  endpoints: GuestEndpoints;
  links: Pick<GuestLinks, "session" | "foreignPeer">;
  pushed: PushedCommands | undefined;
};

/** Asks the foreign agent that `status` shows for facts that are missing. Never rejects. */
export async function learnFacts({ endpoints, links, pushed }: AgentGuest): Promise<void> {
  const isPaused = endpoints.foreignCalling.some(({ endpoint }) => endpoint.state === "paused");
  if (isPaused || endpoints.saved !== undefined) return;
  const other = findOther(links.session, endpoints);
  const contact = other && links.foreignPeer(other).contact;
  if (contact !== undefined && (await isUsed(contact, pushed))) await contact.learn();
}

/** Begins a new contact with the agent at a changed channel. */
export function renewContact({ endpoints, links }: AgentGuest, { port }: Endpoint): void {
  const changed = endpoints.foreignCalling.find(({ endpoint }) => endpoint.port === port);
  if (changed !== undefined) links.foreignPeer(changed.dialect).contact?.renew();
}

/** libvirt marks a guest as tainted at the first question, so the host asks only an agent that it uses. */
async function isUsed({ wasTried }: ForeignContact, pushed: PushedCommands | undefined): Promise<boolean> {
  if (wasTried) return true;
  const commands = await pushed?.list().catch(() => undefined);
  return commands !== undefined && commands.length > 0;
}
