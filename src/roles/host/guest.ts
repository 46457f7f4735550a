/**
 * One guest of the host's daemon: its channels, its links and its peer. A saved guest has no channels, but
 * keeps its session, which goes on when the guest is restored.
 */
import { dialSocket } from "../../channels/socket/socket.ts";
import type { Endpoint } from "../../discovery/endpoint.ts";
import { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import type { DialectTable } from "../../peers/dialect-table.ts";
import type { LinkEnd } from "../../peers/link.ts";
import type { PeerLink } from "../../peers/peer-link.ts";
import type { Peer } from "../../peers/peer.ts";
import { supervise, wentWell } from "../../peers/supervise.ts";
import type { Channel } from "../../wire/channel.ts";
import { createLinkStatus } from "../daemon/link-status.ts";
import type { LinkStatusTracker } from "../daemon/link-status.ts";
import type { Services } from "../daemon/services.ts";
import { createGuestEndpoints } from "./guest-endpoints.ts";
import { createGuestLinks } from "./guest-links.ts";
import { createHeldChannels } from "./held-channels.ts";
import type { HeldLink } from "./held-channels.ts";
import { createLinkLog } from "./link-log.ts";
import type { LinkLog } from "./link-log.ts";
import { explainNoAnswer, noCallingPort } from "./no-answer.ts";
import { watchPeerTimeout } from "./peer-timeout.ts";
import type { GuestStatus } from "./status.ts";

/** A guest of this host. */
export type Guest = {
  /** True while the guest is saved and has no channel. */
  readonly isSaved: boolean;
  /**
   * The guest as a peer, once its dialect is known. Rejects with `NO_CHANNEL` if that takes longer than
   * `timeoutMs` (0 for no limit), when `signal` aborts, and for a guest that is saved or has no calling port.
   */
  peer(timeoutMs: number, signal?: AbortSignal): Promise<Peer>;
  /** Adds or replaces a channel, and holds it if it is needed. */
  add(endpoint: Endpoint): void;
  /** Gives back a channel of a saved guest. Calls wait until a channel is added again. */
  save(endpoint: Endpoint): void;
  /** Gives back a channel that is gone. Returns `empty` if it was the last one. */
  remove(endpoint: Endpoint): "left" | "empty";
  /** The status of the guest, with the calls of all its links. */
  status(): GuestStatus;
  /** Gives all channels back, and ends all calls with this reason. */
  close(reason: string): Promise<void>;
};

const log = logFor("guests");

/** Creates a guest without channels. Only name and UUID of the endpoint are used. */
export function createGuest(
  { guest: name, uuid }: Endpoint,
  services: Services,
  dialects: DialectTable,
): Guest {
  const endpoints = createGuestEndpoints(dialects);
  const tracker = createLinkStatus(services.limits);
  const sessionLog = createLog(name);
  const last: LastDial = { openedMs: 0, failure: undefined };
  const explain = (session?: PeerLink): NegotiatorError =>
    explainNoAnswer(name, session?.session, endpoints.calling, last.failure);

  const links = createGuestLinks({
    endpoints,
    services,
    dialects,
    serve: services.serve({ via: "guest", name, ...(uuid === undefined ? {} : { uuid }) }),
    explainNoAnswer: () => explain(links.session),
    onRefused: report(tracker, createLog(name)),
    onState(session) {
      tracker.follow(session);
      const { state } = session.session;
      if (state === "open") last.openedMs = performance.now();
      if (state === "open" || state === "foreign") sessionLog.connected(describePeer(session));
    },
  });
  const { session } = links;
  const channels = createHeldChannels({
    session,
    linkFor: (port) => links.linkFor(port),
    redial: (endpoint, link, signal) =>
      link === session
        ? redial({ endpoint, link, signal, last, onError: report(tracker, sessionLog) })
        : redial({ endpoint, link, signal, onError: report(tracker, createLog(name)) }),
  });
  const peerTimeout = watchPeerTimeout({
    isSuspended: () =>
      session.session.state === "open" ||
      endpoints.saved !== undefined ||
      endpoints.calling?.state === "paused",
    afterMs: services.limits.abandonAfterMs,
    onTimeout: () => endCalls(name, session),
  });

  return {
    get isSaved() {
      return endpoints.saved !== undefined;
    },
    async peer(timeoutMs, signal) {
      if (endpoints.saved !== undefined) throw explain(session);
      if (endpoints.calling !== undefined) return session.peer(timeoutMs, signal);
      const [foreign] = endpoints.foreignCalling;
      if (foreign === undefined) throw noCallingPort(name, dialects.defaultPort);
      return links.foreignPeer(foreign.dialect);
    },
    add(endpoint) {
      if (endpoints.add(endpoint)) log.info(`guest "${name}" was restored: its calls go on`);
      channels.hold(endpoints.held);
    },
    save(endpoint) {
      if (endpoints.save(endpoint))
        log.info(`guest "${name}" was saved: its calls wait until it is restored`);
      channels.hold(endpoints.held);
      session.release();
    },
    remove({ port }) {
      endpoints.remove(port);
      channels.hold(endpoints.held);
      return endpoints.isEmpty ? "empty" : "left";
    },
    status() {
      const calls = { outgoing: links.countOutgoing(), incoming: channels.countIncoming() };
      const shown: GuestStatus = { name, uuid: uuid ?? null, ...tracker.status(session), calls };
      if (endpoints.saved === undefined) return shown;
      // Every saved guest's socket is gone, so that is not an error to show.
      return { ...shown, state: "saved", since: endpoints.saved.since.toISOString(), lastError: null };
    },
    async close(reason) {
      peerTimeout[Symbol.dispose]();
      links.close(reason);
      await channels.close();
    },
  };
}

type LastDial = {
  /** The time at which the session was last open. */
  openedMs: number;
  /** The error of the last attempt to open the session's channel. */
  failure: NegotiatorError | undefined;
};

type Redialling = {
  endpoint: Endpoint;
  link: HeldLink;
  signal: AbortSignal;
  /** Only for the session. */
  last?: LastDial;
  onError: (error: NegotiatorError) => void;
};

function redial({ endpoint, link, signal, last, onError }: Redialling): Promise<void> {
  return supervise({
    signal,
    onFailure(error) {
      if (last !== undefined) last.failure = error;
      onError(error);
    },
    async attempt() {
      const startMs = performance.now();
      const channel = await dialSocket(endpoint.path, { signal });
      if (last !== undefined) last.failure = undefined;
      const { state, reason } = await runToEnd(link, channel, signal);
      if (state !== "foreign" && reason !== undefined && !signal.aborted) onError(reason);
      // A session that was open makes the next pause short again. An agent that refuses the hello is dialled
      // less and less often. For a silent one the hello has waited already.
      if (last !== undefined && last.openedMs >= startMs) return true;
      return state !== "cut" && wentWell(startMs);
    },
  });
}

/** A channel that breaks ends the session's epoch as one that ends does. */
async function runToEnd(link: HeldLink, channel: Channel, signal: AbortSignal): Promise<Partial<LinkEnd>> {
  try {
    return (await link.run(channel, signal)) ?? {};
  } catch (thrown) {
    return { reason: NegotiatorError.from(thrown) };
  }
}

function createLog(name: string): LinkLog {
  return createLinkLog(name, () => performance.now());
}

/** Two links that fail in turn would repeat their lines in one log, so each link has its own. */
function report(tracker: LinkStatusTracker, linkLog: LinkLog): (error: NegotiatorError) => void {
  return (error) => {
    tracker.recordError(error);
    linkLog.failed(error);
  };
}

function endCalls(name: string, { session, calls }: PeerLink): void {
  if (calls.incoming > 0) log.info(`guest "${name}" has not answered for too long: its calls are cancelled`);
  session.cancelServed("its caller has not answered for too long");
}

function describePeer({ session: { state, peer }, dialect }: PeerLink): string {
  if (state === "open" && peer !== undefined) return `${peer.name} ${peer.version}`;
  return dialect?.label ?? "unknown";
}
