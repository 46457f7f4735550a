/** The state of a guest, as `status` shows it: what its link says, and what the host knows besides. */
import type { Endpoint } from "../../discovery/endpoint.ts";
import type { ForeignContact, ForeignDialect, ForeignPeer } from "../../peers/dialect.ts";
import type { Session } from "../../wire/session/session.ts";
import type { GuestEndpoints } from "./guest-endpoints.ts";
import { explainStoppedAgent, START_AGENT } from "./no-answer.ts";
import type { GuestStatus } from "./status.ts";

/** The members of a guest's link that its state depends on. */
type SessionFacts = { session: Pick<Session, "peer" | "farewell" | "state"> };

/** The channels that its state depends on. */
type StateEndpoints = Pick<GuestEndpoints, "saved" | "calling" | "foreignCalling">;

/** `pausedSince`: when libvirt said that the guest is paused. */
export type StateFacts = {
  endpoints: StateEndpoints;
  pausedSince: Date | undefined;
  links: { session: SessionFacts; foreignPeer: (dialect: ForeignDialect) => Pick<ForeignPeer, "contact"> };
};

/**
 * Returns the status with its state. A saved guest's socket is gone, and a paused guest is silent, so that is
 * not an error to show.
 */
export function withState(known: GuestStatus, facts: StateFacts): GuestStatus {
  const { endpoints, pausedSince, links } = facts;
  const link = links.session;
  const { saved, calling } = endpoints;
  const status = { ...known, dialect: known.dialect ?? onlyDialect(endpoints) };
  const since = saved?.since ?? pausedSince;
  if (since !== undefined) {
    const state = saved === undefined ? "paused" : "saved";
    return { ...status, state, since: since.toISOString(), lastError: null };
  }
  const other = findOther(link, endpoints);
  return other === undefined
    ? withEnd(status, link.session, calling)
    : { ...status, ...withContact(other.name, links.foreignPeer(other).contact) };
}

/** An agent that did not answer the last time is as silent as that of a session. */
function withContact(dialect: string, contact: ForeignContact | undefined): Partial<GuestStatus> {
  const { facts, failure } = contact ?? {};
  const known = {
    dialect,
    version: facts?.version ?? null,
    ...(facts !== undefined && facts.cannot.length > 0 && { cannot: [...facts.cannot] }),
  };
  if (failure === undefined) return { ...known, state: dialect, lastError: null };
  const state = facts === undefined ? "waiting" : "unresponsive";
  return { ...known, state, since: failure.since.toISOString(), lastError: failure.error.message };
}

/** An agent that has ended is silent for a reason, which says more than the last error. */
function withEnd(
  status: GuestStatus,
  session: SessionFacts["session"],
  calling: Endpoint | undefined,
): GuestStatus {
  const stopped = status.state === "unresponsive" ? explainStoppedAgent(session, calling) : undefined;
  return stopped === undefined
    ? status
    : { ...status, lastError: `The agent is not running: ${stopped}\n${START_AGENT}` };
}

/** Returns the dialect of another agent in a guest whose session was never open. */
export function findOther(
  { session }: SessionFacts,
  { calling, foreignCalling }: StateEndpoints,
): ForeignDialect | undefined {
  if (calling !== undefined && (session.peer !== undefined || session.state === "foreign")) return undefined;
  // Without a port for the session, the other dialect is all that the guest has.
  return foreignCalling.find(({ endpoint: { connected } }) => connected ?? calling === undefined)?.dialect;
}

/** The dialect of a guest without a port for the session, whether an agent runs there or not. */
function onlyDialect({ calling, foreignCalling }: StateEndpoints): string | null {
  return calling === undefined ? (foreignCalling[0]?.dialect.name ?? null) : null;
}
