/**
 * One guest of the host's daemon: its channels, its links and its peer. A saved guest has no channels, but
 * keeps its session, which goes on when the guest is restored.
 */
import type { Endpoint } from "../../discovery/endpoint.ts";
import { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import type { DialectTable } from "../../peers/dialect-table.ts";
import type { Caller } from "../../policy/caller.ts";
import type { PeerLink } from "../../peers/peer-link.ts";
import type { Peer } from "../../peers/peer.ts";
import type { PushedCommands } from "../../peers/pushed-commands.ts";
import type { Session } from "../../wire/session/session.ts";
import { createFigureCounter } from "../daemon/link-figures.ts";
import { createLinkStatus } from "../daemon/link-status.ts";
import type { LinkStatusTracker } from "../daemon/link-status.ts";
import type { Services } from "../daemon/services.ts";
import { learnFacts, renewContact } from "./agent-contact.ts";
import { choosePeer } from "./choose-peer.ts";
import type { PeerWish } from "./choose-peer.ts";
import { createGuestEndpoints } from "./guest-endpoints.ts";
import type { FrozenEndpoints, GuestEndpoints } from "./guest-endpoints.ts";
import { createGuestLinks } from "./guest-links.ts";
import type { AdoptedLinks, FrozenPort } from "./frozen-links.ts";
import { createHindrance } from "./hindrance.ts";
import { createHeldChannels } from "./held-channels.ts";
import type { HeldChannels } from "./held-channels.ts";
import { createLinkLog } from "./link-log.ts";
import type { LinkLog } from "./link-log.ts";
import { withState } from "./guest-state.ts";
import { explainNoAnswer, noAgent, noCallingPort } from "./no-answer.ts";
import { watchPeerTimeout } from "./peer-timeout.ts";
import { createReach } from "./reach.ts";
import { redial } from "./redial.ts";
import type { Redialling } from "./redial.ts";
import type { GuestStatus } from "./status.ts";

/** A guest of this host. */
export type Guest = {
  /** True while the guest is saved and has no channel. */
  readonly isSaved: boolean;
  /** Its session, which may never have been open. */
  readonly session: Session;
  /** The sockets of its held channels. */
  heldPaths(): string[];
  /**
   * The guest as a peer, once its dialect is known. Rejects with `NO_CHANNEL` if that takes longer than
   * `timeoutMs` (0 for no limit), when `signal` aborts, and for a guest that is saved or has no calling port.
   */
  peer(timeoutMs: number, signal?: AbortSignal, wish?: PeerWish): Promise<Peer>;
  /** The guest as a peer while its session is open. */
  openPeer(): Peer | undefined;
  /** Adds or replaces a channel, and holds it if it is needed. */
  add(endpoint: Endpoint): void;
  /** Gives back a channel of a saved guest. Calls wait until a channel is added again. */
  save(endpoint: Endpoint): void;
  /** Gives back a channel that is gone. Returns `empty` if it was the last one. */
  remove(endpoint: Endpoint): "left" | "empty";
  /** Asks its foreign agent for facts that are missing in its status. Never rejects. */
  learn(): Promise<void>;
  /** The status of the guest, with the calls of all its links. */
  status(): GuestStatus;
  /** Gives all channels back, and ends all calls with this reason. */
  close(reason: string): Promise<void>;
  /** Returns the guest as plain data. */
  freeze(): FrozenGuest;
};

/** A guest with its channels and links as plain data. */
export type FrozenGuest = {
  guest: string;
  uuid: string | undefined;
  endpoints: FrozenEndpoints;
  links: FrozenPort[];
};

const log = logFor("guests");

/** Options of a guest. Only name and UUID of the endpoint are used. */
export type GuestOptions = {
  endpoint: Pick<Endpoint, "guest"> & { uuid?: string | undefined };
  services: Services;
  dialects: DialectTable;
  /** Makes the finders look again, because the guest cannot be dialled. Resolves when they have looked. */
  onUnreachable: () => Promise<void>;
  /** The commands that this host keeps for the guest; none by default. */
  pushed?: PushedCommands | undefined;
  /** The guest as another program had it. */
  adopted?: AdoptedLinks & { endpoints: FrozenEndpoints };
};

/** Creates a guest without channels, or one that another program had. */
export function createGuest(options: GuestOptions): Guest {
  const { services, dialects, onUnreachable, pushed, adopted } = options;
  const { guest: name, uuid } = options.endpoint;
  const endpoints = createGuestEndpoints(dialects, adopted?.endpoints);
  const [tracker, sessionLog] = [createLinkStatus(services.limits), createLog(name)];
  const counter = createFigureCounter();
  let openedMs = 0;
  const explain = (session?: PeerLink): NegotiatorError =>
    explainNoAnswer(name, session?.session, endpoints.calling, reach.failure);
  const reach = createReach({
    onFailure: onUnreachable,
    isReported: () => endpoints.calling?.source === "libvirt",
    onGone: (failure) => endLostCalls(name, links.session, failure),
  });

  const links = createGuestLinks({
    adopted,
    endpoints,
    onExceeded: (what) => sessionLog.exceeded(what),
    services,
    dialects,
    serve: counter.calls.countIncoming(services.serve(asCaller(name, uuid))),
    bytes: counter.bytes,
    pushed,
    explainNoAnswer: () => explain(links.session),
    onRefused: reports(tracker, createLog(name)).onError,
    onState(session) {
      tracker.follow(session);
      const { state } = session.session;
      hindrance.follow();
      if (state === "open") openedMs = performance.now();
      if (state !== "open" && state !== "foreign") return;
      reach.answered();
      sessionLog.connected(describePeer(session));
    },
  });
  const { session } = links;
  const channels = createHeldChannels({
    session,
    linkFor: (port) => links.linkFor(port),
    redial(held, link, signal) {
      const given = { bytes: counter.bytes, adopted: adopted?.channels };
      const dial = { endpoint: held, users: services.users, link, signal, ...given };
      if (link !== session) return redial({ ...dial, ...reports(tracker, createLog(name)) });
      reach.clear();
      return redial({ ...dial, reach, openedMs: () => openedMs, ...reports(tracker, sessionLog) });
    },
  });
  const peerTimeout = watchTimeout(name, session, endpoints, services.limits.abandonAfterMs);
  const hindrance = createHindrance(session.session);
  const line = { session, reach, hindrance, explain: () => explain(session) };
  const explainPort = (has: boolean): NegotiatorError => noPort(name, dialects, endpoints, has);
  const choice = { ...line, endpoints, links, pushed, explainPort, lookAgain: limitLooks(onUnreachable) };
  const holdChannels = (): void => {
    channels.hold(endpoints.held);
    hindrance.update(endpoints.saved === undefined ? endpoints.calling : undefined);
  };

  links.thaw();
  if (adopted !== undefined) holdChannels();
  return {
    session: session.session,
    get isSaved() {
      return endpoints.saved !== undefined;
    },
    openPeer: () => counter.calls.countOutgoing(links.openPeer()),
    heldPaths: () => endpoints.held.map(({ path }) => path),
    peer: async (...wanted) => counter.calls.countOutgoing(await choosePeer(choice, ...wanted)),
    add(endpoint) {
      if (endpoints.add(endpoint)) log.info(`guest "${name}" was restored: its calls go on`);
      renewContact(choice, endpoint);
      holdChannels();
    },
    save(endpoint) {
      if (endpoints.save(endpoint)) log.info(`guest "${name}" was saved: calls wait until it is restored`);
      holdChannels();
      reach.clear();
      session.release();
    },
    remove({ port }) {
      endpoints.remove(port);
      holdChannels();
      return endpoints.isEmpty ? "empty" : "left";
    },
    learn: () => learnFacts(choice),
    status() {
      const running = { outgoing: links.countOutgoing(), incoming: channels.countIncoming() };
      const figures = { calls: running, ...counter.figures(session.session, running) };
      const own = { name, uuid: uuid ?? null, ...tracker.status(session), ...figures, ...links.overQuota() };
      return withState(own, { endpoints, pausedSince: hindrance.pausedSince, links });
    },
    async close(reason) {
      for (const watcher of [peerTimeout, reach]) watcher[Symbol.dispose]();
      hindrance.update(undefined);
      links.close(reason);
      await channels.close();
    },
    freeze: () => ({ guest: name, uuid, ...freezePlaces(endpoints, channels) }),
  };
}

function asCaller(name: string, uuid: string | undefined): Caller {
  return { via: "guest", name, ...(uuid === undefined ? {} : { uuid }) };
}

function freezePlaces(
  endpoints: GuestEndpoints,
  channels: HeldChannels,
): Pick<FrozenGuest, "endpoints" | "links"> {
  return { endpoints: endpoints.freeze(performance.now()), links: channels.freeze() };
}

function watchTimeout(
  name: string,
  session: PeerLink,
  endpoints: GuestEndpoints,
  afterMs: number,
): Disposable {
  return watchPeerTimeout({
    isSuspended: () => isSuspended(session, endpoints),
    afterMs,
    onTimeout: () => endCalls(name, session),
  });
}

/** Whether the guest answers, or has a reason not to. */
function isSuspended({ session }: PeerLink, { saved, calling }: GuestEndpoints): boolean {
  return session.state === "open" || saved !== undefined || calling?.state === "paused";
}

/** Callers must not cause many scans for a guest whose agent is off. */
const LOOKS_MS = 2000;

function limitLooks(lookAgain: () => Promise<void>): () => Promise<void> {
  let lastMs = -Infinity;
  return async () => {
    if (performance.now() - lastMs < LOOKS_MS) return;
    lastMs = performance.now();
    await lookAgain();
    // The news of the scan come in the next turn.
    await Bun.sleep(0);
  };
}

function noPort(
  name: string,
  { defaultPort }: DialectTable,
  endpoints: GuestEndpoints,
  hasCommands: boolean,
): NegotiatorError {
  const isSilent = endpoints.foreignCalling.some(({ endpoint }) => endpoint.connected === false);
  if (isSilent && hasCommands) return noAgent(name, defaultPort);
  const ports = endpoints.foreignCalling.map(({ endpoint }) => endpoint);
  const others = ports.length === 0 ? undefined : ports.map(({ port }) => port);
  return noCallingPort(name, defaultPort, others, (endpoints.held[0] ?? ports[0])?.connect);
}

function createLog(name: string): LinkLog {
  return createLinkLog(name, () => performance.now());
}

/** Two links that fail in turn would repeat their lines in one log, so each link has its own. */
function reports(
  tracker: LinkStatusTracker,
  linkLog: LinkLog,
): Pick<Redialling, "onError" | "onUnreachable" | "onReached"> {
  let unreachable: NegotiatorError | undefined;
  return {
    onError(error) {
      tracker.recordError(error);
      linkLog.failed(error);
    },
    onUnreachable(error) {
      unreachable = error;
      tracker.recordError(error);
      linkLog.unreachable(error);
    },
    onReached() {
      if (unreachable !== undefined) tracker.clearError(unreachable);
      unreachable = undefined;
    },
  };
}

function endCalls(name: string, { session, calls }: PeerLink): void {
  if (calls.incoming > 0) log.info(`guest "${name}" has not answered for too long: its calls are cancelled`);
  session.cancelServed("its caller has not answered for too long");
}

/** A guest that is restored at the same place later begins another session. */
function endLostCalls(name: string, link: PeerLink, failure: NegotiatorError): void {
  const { session, calls } = link;
  const [why] = failure.message.split("\n");
  if (calls.incoming + calls.outgoing > 0) log.info(`guest "${name}" is gone: its calls are ended`);
  session.abandon(new NegotiatorError("CLOSED", `Guest "${name}" is gone: ${why}`));
  link.release();
}

function describePeer({ session: { state, peer }, dialect }: PeerLink): string {
  if (state === "open" && peer !== undefined) return `${peer.name} ${peer.version}`;
  return dialect?.label ?? "unknown";
}
