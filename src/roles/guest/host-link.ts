/**
 * The guest daemon's links to its host: the session over the best port, and each dialect that has ports to
 * itself.
 */
import type { Settings } from "../../config/settings.ts";
import type { PortPlaces } from "../../discovery/ports/virtio.ts";
import type { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import type { DialectTable, PortUse } from "../../peers/dialect-table.ts";
import type { ForeignDialect } from "../../peers/dialect.ts";
import { createForeignLink } from "../../peers/foreign-link.ts";
import { createPeerLink } from "../../peers/peer-link.ts";
import { createNativePeer } from "../../peers/native.ts";
import type { PeerLink } from "../../peers/peer-link.ts";
import type { Peer } from "../../peers/peer.ts";
import { pause, supervise, wentWell } from "../../peers/supervise.ts";
import { createLinkStatus } from "../daemon/link-status.ts";
import type { LinkStatus } from "../daemon/link-status.ts";
import type { Services } from "../daemon/services.ts";
import { describeAgent, makeId } from "../identity.ts";
import { explainNoAnswer } from "./no-answer.ts";
import { findChannel, findFirst, openChannel } from "./port.ts";

/** The links to the host. */
export type HostLink = {
  readonly session: PeerLink;
  /** The host, to be called over the session. A call waits until the host has connected. */
  readonly peer: Peer;
  status(): LinkStatus;
  /** Holds the ports until `signal` aborts; resolves when nothing is held. */
  hold(signal: AbortSignal): Promise<void>;
  /** Takes new settings; when they name another device, the old one is given back at once. */
  reload(settings: Settings): void;
};

const log = logFor("daemon");

/** Links that hold nothing yet. Other `places` than the kernel's are for tests. */
export function createHostLink(
  first: Settings,
  services: Services,
  dialects: DialectTable,
  places: PortPlaces = {},
): HostLink {
  let settings = first;
  const tracker = createLinkStatus(services.limits);
  /** Why there is no channel to the host, while there is none. */
  let missing: NegotiatorError | undefined;
  /** Aborts what is done with the old device when the settings name another. */
  let moved = new AbortController();
  const serve = services.serve({ via: "host" });
  const ports = dialects.callingPorts("host").filter(({ isNative }) => isNative);
  const session = createPeerLink({
    role: "guest",
    side: "listener",
    agent: describeAgent("guest"),
    makeId,
    limits: services.limits,
    serve,
    foreign: dialects.besideNative,
    isRedialled: true,
    dial: () => Promise.reject(explainNoAnswer(missing)),
    explainNoAnswer: () => explainNoAnswer(missing),
    onState(state, reason) {
      tracker.follow(session);
      log.debug(`host: ${state}${reason === undefined ? "" : `, ${reason.message}`}`);
    },
  });

  const attempt = async (signal: AbortSignal): Promise<boolean> => {
    const leave = AbortSignal.any([signal, moved.signal]);
    const channel = await openChannel(await findChannel(settings, ports), signal);
    missing = undefined;
    log.info(`Serving the host at ${channel.label}`);
    const startMs = performance.now();
    const { state, reason } = await session.run(channel, leave);
    if (state !== "ended" && reason !== undefined && tracker.recordError(reason))
      log.warn(`host: ${reason.message}`);
    return leave.aborted || wentWell(startMs);
  };

  const holdSession = (signal: AbortSignal): Promise<void> =>
    supervise({
      signal,
      attempt,
      onFailure(error) {
        missing = error;
        if (tracker.recordError(error)) log.error(error.message);
      },
      wait: (ms, stop) => pause(ms, AbortSignal.any([stop, moved.signal])),
    });

  return {
    session,
    peer: createNativePeer(session.session, { explainNoAnswer: () => explainNoAnswer(missing) }),
    status: () => tracker.status(session),
    async hold(signal) {
      const foreign = dialects.callingPorts("host").filter(({ isNative }) => !isNative);
      await Promise.all([
        holdSession(signal),
        ...foreign.map((port) => holdForeign({ port, services, places, signal })),
      ]);
    },
    reload(next) {
      const isMoved = next.guest.characterDevice !== settings.guest.characterDevice;
      settings = next;
      if (!isMoved) return;
      moved.abort();
      moved = new AbortController();
    },
  };
}

type ForeignPort = { port: PortUse; services: Services; places: PortPlaces; signal: AbortSignal };

/** Serves a dialect on its own port while the guest has that port. */
async function holdForeign({ port, services, places, signal }: ForeignPort): Promise<void> {
  const [dialect] = port.foreign;
  if (dialect === undefined) return;
  await supervise({
    signal,
    attempt: (stop) => serveForeign(dialect, { port, services, places, signal: stop }),
    onFailure: (error) => log.warn(`${dialect.label}: ${error.message}`),
  });
}

async function serveForeign(
  dialect: ForeignDialect,
  { port, services, places, signal }: ForeignPort,
): Promise<boolean> {
  const found = await findFirst([port], places);
  if (found === undefined) return false;
  const channel = await openChannel(found, signal);
  log.info(`Serving the host at ${channel.label} (${dialect.label})`);
  const startMs = performance.now();
  const { limits } = services;
  await createForeignLink(dialect, { serve: services.serve({ via: "host" }), makeId, limits }).run(
    channel,
    signal,
  );
  return wentWell(startMs);
}
