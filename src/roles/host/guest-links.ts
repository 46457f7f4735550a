/** The links to one guest: the session that the host dials, and one for each port that the guest dials. */
import { countChannel } from "../../channels/byte-count.ts";
import type { ByteCount } from "../../channels/byte-count.ts";
import type { Endpoint } from "../../discovery/endpoint.ts";
import { NegotiatorError } from "../../errors.ts";
import { canServe } from "../../peers/dialect.ts";
import type { DialectTable } from "../../peers/dialect-table.ts";
import type { ForeignDialect, ForeignPeer } from "../../peers/dialect.ts";
import { createForeignLink } from "../../peers/foreign-link.ts";
import { withTurns } from "../../peers/fair-channel.ts";
import { createShare } from "../../peers/fair-reader.ts";
import { serveInTurns } from "../../peers/fair-start.ts";
import type { Share } from "../../peers/fair-reader.ts";
import { createNativePeer } from "../../peers/native.ts";
import type { Peer } from "../../peers/peer.ts";
import { createPeerLink } from "../../peers/peer-link.ts";
import type { PeerLink, PeerLinkOptions } from "../../peers/peer-link.ts";
import type { PushedCommands } from "../../peers/pushed-commands.ts";
import { countRefused } from "../../peers/refused-calls.ts";
import type { Channel } from "../../wire/channel.ts";
import type { Services } from "../daemon/services.ts";
import { createSharedCallCount } from "../daemon/shared-call-count.ts";
import { describeAgent, makeId } from "../identity.ts";
import { dialGuest } from "./dial-guest.ts";
import type { GuestEndpoints } from "./guest-endpoints.ts";
import type { AdoptedLinks } from "./frozen-links.ts";
import type { HeldLink } from "./held-channels.ts";

/** The links to one guest, and its peers in foreign dialects on unshared ports. */
export type GuestLinks = {
  readonly session: PeerLink;
  /** The quota that the guest exceeds now, in words, as `status` shows it. */
  overQuota(): { overQuota?: string };
  /** The number of our calls over all links. */
  countOutgoing(): number;
  /** The link for a port: the session, or a new link for a port that the guest dials. */
  linkFor(port: string): HeldLink;
  /** The guest as a peer while the session is open: only then it answers at once. */
  openPeer(): Peer | undefined;
  /** The guest as a peer of this dialect, over the dialect's own port. */
  foreignPeer(dialect: ForeignDialect): ForeignPeer;
  /** Ends the session and all calls. */
  close(reason: string): void;
  /** Goes on with the frozen session. */
  thaw(): void;
};

/** Options of the links to a guest. */
export type GuestLinksOptions = Pick<PeerLinkOptions, "explainNoAnswer"> & {
  endpoints: GuestEndpoints;
  services: Pick<Services, "limits" | "offersRaw" | "answerMemory" | "users">;
  dialects: DialectTable;
  /** Counts the bytes of channels that are dialled for one call. */
  bytes: ByteCount;
  /** Called when the guest begins to exceed a quota, with the quota in words. */
  onExceeded: (what: string) => void;
  /** Takes the guest's calls and notices. */
  serve: PeerLinkOptions["serve"];
  /** Called when this side has refused a hello of the guest. */
  onRefused: (reason: NegotiatorError) => void;
  /** Called after each change of the session's state. */
  onState: (session: PeerLink) => void;
  /** The commands that this host keeps for the guest. */
  pushed?: PushedCommands | undefined;
  adopted?: AdoptedLinks | undefined;
};

/** An idle agent answers within milliseconds, and one that was just restarted after about this time. */
const FIRST_HELLO_MS = 1000;

/** Creates the links, which have no channel yet. */
export function createGuestLinks(options: GuestLinksOptions): GuestLinks {
  const { endpoints, services, dialects, explainNoAnswer, onRefused, onState } = options;
  // All links and calls of the guest share it.
  const share = createShare(options.onExceeded);
  const serve = serveInTurns(countRefused(options.serve, share), share);
  const { limits, offersRaw, answerMemory } = services;
  const agent = describeAgent("host");
  const callCount = createSharedCallCount(limits, share.memory);
  const life = new AbortController();
  const foreignPeers = new Map<ForeignDialect, ForeignPeer>();
  const dial = createDial(options, share);

  const shared = {
    role: "host",
    agent,
    makeId,
    limits,
    answerMemory,
    offersRaw,
    share,
    serve,
    explainNoAnswer,
    foreign: dialects.besideNative,
    firstHelloMs: FIRST_HELLO_MS,
    isRedialled: true,
    async dial(signal) {
      const { calling, saved } = endpoints;
      if (calling === undefined || saved !== undefined) throw explainNoAnswer();
      return dial(calling, signal);
    },
  } satisfies Omit<PeerLinkOptions, "side">;

  const { links = [], channels } = options.adopted ?? {};
  const frozenSession = links.find(({ isSession }) => isSession);
  const frozenLinks = new Map(
    links.flatMap(({ port = "", isSession, link }) => (isSession ? [] : [[port, link] as const])),
  );
  const session = createPeerLink({
    ...shared,
    frozen: frozenSession?.link,
    side: "dialler",
    served: callCount.open(),
    onState: () => onState(session),
  });

  return {
    session,
    overQuota() {
      const exceeded = share.quota.exceeded(performance.now());
      return exceeded === undefined ? {} : { overQuota: exceeded };
    },
    countOutgoing: () =>
      foreignPeers.values().reduce((sum, peer) => sum + peer.callCount, session.calls.outgoing),
    linkFor(port) {
      const { dialler, isNative, foreign: [only] = [] } = dialects.portUse(port) ?? {};
      if (dialler === "host") return session;
      if (isNative === true || only === undefined || !canServe(only)) {
        const frozen = frozenLinks.get(port);
        // A port that comes again has another link.
        frozenLinks.delete(port);
        const own = { side: "listener", served: callCount.open(), onRefused, frozen } as const;
        const link = createPeerLink({ ...shared, ...own });
        if (frozen !== undefined) link.thaw(channels?.get(port));
        return link;
      }
      return createForeignLink(only, { serve, makeId, limits, answerMemory, memory: share.memory });
    },
    openPeer: () =>
      session.session.state === "open" ? createNativePeer(session.session, { explainNoAnswer }) : undefined,
    foreignPeer(dialect) {
      const known = foreignPeers.get(dialect);
      if (known !== undefined) return known;
      const peer = dialect.createPeer({
        agent,
        makeId,
        limits,
        life: life.signal,
        async dial(signal) {
          // A restored guest has its channel elsewhere, so each call looks for it.
          const found = endpoints.foreignCalling.find((calling) => calling.dialect === dialect);
          if (found === undefined) throw explainNoAnswer();
          return dial(found.endpoint, signal);
        },
        ...(options.pushed === undefined ? {} : { pushed: options.pushed }),
        isUpgraded: () => false,
        upgradedPeer: () => Promise.reject(explainNoAnswer()),
      });
      foreignPeers.set(dialect, peer);
      return peer;
    },
    close(reason) {
      life.abort(new NegotiatorError("CLOSED", `The call was ended: ${reason}`));
      session.close(reason);
    },
    thaw() {
      if (frozenSession !== undefined) session.thaw(channels?.get(frozenSession.port ?? ""));
    },
  };
}

/** Returns what opens channels for calls in foreign dialects. */
function createDial({ services: { users }, bytes }: GuestLinksOptions, share: Share) {
  return async (endpoint: Endpoint, signal: AbortSignal): Promise<Channel> =>
    withTurns(countChannel(await dialGuest(endpoint, users, { signal }), bytes), share);
}
