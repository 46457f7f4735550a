/**
 * The links to one guest: the session that the host dials, and one for each port on which the guest speaks
 * first.
 */
import { dialSocket } from "../../channels/socket/socket.ts";
import { NegotiatorError } from "../../errors.ts";
import type { DialectTable } from "../../peers/dialect-table.ts";
import type { ForeignDialect, ForeignPeer } from "../../peers/dialect.ts";
import { createForeignLink } from "../../peers/foreign-link.ts";
import { createPeerLink } from "../../peers/peer-link.ts";
import type { PeerLink, PeerLinkOptions } from "../../peers/peer-link.ts";
import { retryWhileBusy } from "../../peers/retry-while-busy.ts";
import type { Channel } from "../../wire/channel.ts";
import type { Services } from "../daemon/services.ts";
import { createSharedCallCount } from "../daemon/shared-call-count.ts";
import { describeAgent, makeId } from "../identity.ts";
import type { GuestEndpoints } from "./guest-endpoints.ts";
import type { HeldLink } from "./held-channels.ts";

/** The links to one guest, and its peers in dialects that have ports to themselves. */
export type GuestLinks = {
  readonly session: PeerLink;
  /** Our calls under way, over all links. */
  countOutgoing(): number;
  /** The link for a port; a new one for each port on which the guest speaks first. */
  linkFor(port: string): HeldLink;
  /** The peer that is called in this dialect at this socket. */
  foreignPeer(dialect: ForeignDialect, path: string): ForeignPeer;
  /** Ends the session and all calls. */
  close(reason: string): void;
};

/** What the links of a guest are made for. */
export type GuestLinksOptions = Pick<PeerLinkOptions, "explainNoAnswer"> & {
  endpoints: GuestEndpoints;
  services: Services;
  dialects: DialectTable;
  serve: PeerLinkOptions["serve"];
  /** The state of the session has changed. */
  onState: (session: PeerLink) => void;
};

/**
 * An agent that was just restarted answers after about this time; one that runs and is idle, within
 * milliseconds.
 */
const FIRST_HELLO_MS = 1000;

/** Links that are not run yet. */
export function createGuestLinks(options: GuestLinksOptions): GuestLinks {
  const { endpoints, services, dialects, serve, explainNoAnswer, onState } = options;
  const { limits } = services;
  const agent = describeAgent("host");
  const callCount = createSharedCallCount(limits);
  const life = new AbortController();
  const foreignPeers = new Map<string, ForeignPeer>();

  const shared = {
    role: "host",
    agent,
    makeId,
    limits,
    serve,
    explainNoAnswer,
    foreign: dialects.besideNative,
    firstHelloMs: FIRST_HELLO_MS,
    isRedialled: true,
    async dial(signal) {
      const { calling, saved } = endpoints;
      if (calling === undefined || saved !== undefined) throw explainNoAnswer();
      return dialTo(calling.path, signal);
    },
  } satisfies Omit<PeerLinkOptions, "side">;

  const session = createPeerLink({
    ...shared,
    side: "dialler",
    served: callCount.open(),
    onState: () => onState(session),
  });

  return {
    session,
    countOutgoing: () =>
      foreignPeers.values().reduce((sum, peer) => sum + peer.callCount, session.calls.outgoing),
    linkFor(port) {
      const { dialler, isNative, foreign: [only] = [] } = dialects.portUse(port) ?? {};
      if (dialler === "host") return session;
      if (isNative === true || only === undefined)
        return createPeerLink({ ...shared, side: "listener", served: callCount.open() });
      return createForeignLink(only, { serve, makeId, limits });
    },
    foreignPeer(dialect, path) {
      const known = foreignPeers.get(path);
      if (known !== undefined) return known;
      const peer = dialect.createPeer({
        agent,
        makeId,
        life: life.signal,
        dial: (signal) => dialTo(path, signal),
        isUpgraded: () => false,
        upgradedPeer: () => Promise.reject(explainNoAnswer()),
      });
      foreignPeers.set(path, peer);
      return peer;
    },
    close(reason) {
      life.abort(new NegotiatorError("CLOSED", `The call was ended: ${reason}`));
      session.close(reason);
    },
  };
}

function dialTo(path: string, signal: AbortSignal): Promise<Channel> {
  return retryWhileBusy(() => dialSocket(path, { signal }), { signal });
}
