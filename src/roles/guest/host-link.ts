/** The links of the guest's daemon to its host: the session, and one link for each unshared foreign port. */
import type { Settings } from "../../config/settings.ts";
import type { PortPlaces } from "../../discovery/ports/virtio.ts";
import type { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { canServe } from "../../peers/dialect.ts";
import type { ServingDialect } from "../../peers/dialect.ts";
import type { DialectTable, PortUse } from "../../peers/dialect-table.ts";
import { createPeerLink } from "../../peers/peer-link.ts";
import { createNativePeer } from "../../peers/native.ts";
import type { FrozenLink } from "../../peers/link.ts";
import type { PeerLink } from "../../peers/peer-link.ts";
import type { Channel } from "../../wire/channel.ts";
import type { Peer } from "../../peers/peer.ts";
import { pause, supervise, wentWell } from "../../peers/supervise.ts";
import type { AttemptResult } from "../../peers/supervise.ts";
import { countChannel } from "../../channels/byte-count.ts";
import { createFigureCounter } from "../daemon/link-figures.ts";
import { createLinkStatus } from "../daemon/link-status.ts";
import type { PeerStatus } from "../daemon/link-status.ts";
import type { Services } from "../daemon/services.ts";
import type { Serve } from "../../methods/serve.ts";
import { goOnInTurns } from "../../peers/fair-start.ts";
import { describeAgent, makeId } from "../identity.ts";
import { createForeignPort } from "./foreign-port.ts";
import { explainNoAnswer } from "./no-answer.ts";
import { findChannel, findFirst, openChannel } from "./port.ts";
import type { FoundPort } from "./port.ts";

/** The links of a guest to its host. */
export type HostLink = {
  readonly session: PeerLink;
  /** The host, over the session. A call waits until the host connects. */
  readonly peer: Peer;
  /** The status of the session, with the calls of all links. */
  status(): PeerStatus;
  /** Holds the ports until `signal` aborts. Resolves when all ports are given back. */
  hold(signal: AbortSignal): Promise<void>;
  /** Applies new settings. If they name another device, gives the old one back at once. */
  reload(settings: Settings): void;
  /** Returns the session and its port as plain data, for the program that replaces this one. */
  freeze(): FrozenLink | undefined;
  /** Goes on with the session of the option `frozen`, on its port if there is one. */
  thaw(channel: Channel | undefined): void;
};

/** Options of the links. Tests replace the kernel's `places`. */
export type HostLinkOptions = {
  places?: PortPlaces;
  frozen?: FrozenLink | undefined;
  /** Adds to the methods that the host may call. */
  extend?: (own: Serve) => Serve;
};

const log = logFor("daemon");

/** Creates the links, which hold no port yet. */
export function createHostLink(
  first: Settings,
  services: Pick<Services, "serve" | "limits" | "offersRaw" | "answerMemory">,
  dialects: DialectTable,
  { places = {}, frozen, extend = (own) => own }: HostLinkOptions = {},
): HostLink {
  let settings = first;
  const tracker = createLinkStatus(services.limits);
  const report = (error: NegotiatorError): void => {
    if (tracker.recordError(error)) log.warn(`host: ${error.message}`);
  };
  /** The error of the last failed attempt to open the channel. */
  let missing: NegotiatorError | undefined;
  /** Whether a session was open since the channel was opened. */
  let isOpened = false;
  /** Aborts when the settings name another device. */
  let moved = new AbortController();
  let adopted: Channel | undefined;
  const explain = (): NegotiatorError =>
    explainNoAnswer(missing, session.session.peer !== undefined || session.dialect !== undefined);
  const { bytes, ...counter } = createFigureCounter();
  const serve = goOnInTurns(counter.calls.countIncoming(extend(services.serve({ via: "host" }))));
  const ports = dialects.callingPorts("host");
  const foreignPorts = findServed(ports, places).map((found) =>
    createForeignPort({ ...found, serve, services, bytes }),
  );
  const session = createPeerLink({
    role: "guest",
    side: "listener",
    frozen,
    agent: describeAgent("guest"),
    makeId,
    limits: services.limits,
    answerMemory: services.answerMemory,
    offersRaw: services.offersRaw,
    serve,
    foreign: dialects.besideNative,
    isRedialled: true,
    dial: () => Promise.reject(explain()),
    explainNoAnswer: () => explain(),
    onRefused: report,
    onState(state, reason) {
      isOpened ||= state === "open";
      tracker.follow(session);
      log.debug(`host: ${state}${reason === undefined ? "" : `, ${reason.message}`}`);
    },
  });

  const attempt = async (signal: AbortSignal): Promise<AttemptResult> => {
    const leave = AbortSignal.any([signal, moved.signal]);
    const channel = adopted ?? (await openChannel(await findChannel(settings, nativeOf(ports)), signal));
    adopted = undefined;
    if (missing !== undefined) tracker.clearError(missing);
    missing = undefined;
    log.info(`Serving the host at ${channel.label}`);
    const startMs = performance.now();
    isOpened = false;
    const { state, reason } = await session.run(countChannel(channel, bytes), leave);
    if (state !== "ended" && reason !== undefined) report(reason);
    if (isOpened || leave.aborted || wentWell(startMs)) return "good";
    return reason === undefined ? "soon" : "rarely";
  };

  const holdSession = (signal: AbortSignal): Promise<void> =>
    supervise({
      signal,
      attempt,
      onFailure(error) {
        missing = error;
        if (tracker.recordError(error)) log.error(`${error.message}\nThe daemon tries again by itself`);
      },
      wait: (ms, stop) => pause(ms, AbortSignal.any([stop, moved.signal])),
    });

  return {
    session,
    peer: counter.calls.countOutgoing(createNativePeer(session.session, { explainNoAnswer: explain })),
    status() {
      const { outgoing, incoming } = session.calls;
      const foreign = foreignPorts.reduce((sum, port) => sum + port.incoming, 0);
      const calls = { outgoing, incoming: incoming + foreign };
      return { ...tracker.status(session), calls, ...counter.figures(session.session, calls) };
    },
    async hold(signal) {
      await Promise.all([holdSession(signal), ...foreignPorts.map((port) => port.hold(signal))]);
    },
    reload(next) {
      const isMoved = next.guest.characterDevice !== settings.guest.characterDevice;
      settings = next;
      if (!isMoved) return;
      moved.abort();
      moved = new AbortController();
    },
    freeze: () => session.freeze(),
    thaw(channel) {
      adopted = channel;
      session.thaw(channel);
    },
  };
}

function nativeOf(ports: readonly PortUse[]): PortUse[] {
  return ports.filter(({ isNative }) => isNative);
}

type Served = { dialect: ServingDialect; find: () => Promise<FoundPort | undefined> };

/** The ports that carry a foreign dialect only, each with a dialect that can be served. */
function findServed(ports: readonly PortUse[], places: PortPlaces): Served[] {
  return ports
    .filter(({ isNative }) => !isNative)
    .flatMap((port) => {
      const find = (): Promise<FoundPort | undefined> => findFirst([port], places);
      return port.foreign.filter(canServe).map((dialect) => ({ dialect, find }));
    });
}
