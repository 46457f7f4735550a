/**
 * Holds the channels of one guest. Each has a link, which is dialled again until the channel is given back.
 */
import type { Endpoint } from "../../discovery/endpoint.ts";
import type { LinkEnd } from "../../peers/link.ts";
import type { PeerLink } from "../../peers/peer-link.ts";
import type { FrozenPort } from "./frozen-links.ts";
import type { Channel } from "../../wire/channel.ts";

/** The link of a held channel. */
export type HeldLink = Pick<PeerLink, "calls" | "close"> & {
  freeze?: PeerLink["freeze"];
  run(channel: Channel, signal: AbortSignal): Promise<LinkEnd | undefined>;
};

/** The held channels of one guest. */
export type HeldChannels = {
  /** Holds exactly these channels, and gives all others back. */
  hold(endpoints: readonly Endpoint[]): void;
  /** The number of the guest's calls that run here, over all channels. */
  countIncoming(): number;
  /** Gives all channels back. Resolves when they are closed. */
  close(): Promise<void>;
  /** Returns the links as plain data, with their ports. */
  freeze(): FrozenPort[];
};

/** Options of held channels. */
export type HeldChannelsOptions = {
  /** The link of the session, which runs over one channel at a time. */
  session: HeldLink;
  /** The link for a channel on this port. */
  linkFor: (port: string) => HeldLink;
  /**
   * Dials the endpoint, as the last `hold` described it, and runs the link, again after each end, until
   * `signal` aborts.
   */
  redial: (endpoint: () => Endpoint, link: HeldLink, signal: AbortSignal) => Promise<void>;
};

/** Creates an empty set of channels. */
export function createHeldChannels({ session, linkFor, redial }: HeldChannelsOptions): HeldChannels {
  const lines = new Map<
    string,
    { endpoint: Endpoint; link: HeldLink; stop: AbortController; ended: Promise<void> }
  >();
  // The session runs over one channel at a time, so its next channel waits for this.
  let sessionFree: Promise<void> = Promise.resolve();

  const release = (port: string): void => {
    const line = lines.get(port);
    lines.delete(port);
    line?.stop.abort();
    if (line?.link === session) sessionFree = line.ended;
    // The guest cannot return to a channel that is gone, so its calls over that channel end.
    else line?.link.close("the port is gone");
  };

  const freezeLink = (link: HeldLink, port: string | undefined): FrozenPort[] => {
    const frozen = link.freeze?.();
    return frozen === undefined ? [] : [{ port, isSession: link === session, link: frozen }];
  };

  const start = (endpoint: Endpoint): void => {
    const { port } = endpoint;
    const link = linkFor(port);
    const stop = new AbortController();
    const free = link === session ? sessionFree : Promise.resolve();
    const line = { endpoint, link, stop, ended: Promise.resolve() };
    line.ended = free.then(() => redial(() => line.endpoint, link, stop.signal));
    lines.set(port, line);
  };

  return {
    hold(endpoints) {
      const paths = new Map(endpoints.map(({ port, path }) => [port, path]));
      for (const [port, line] of lines) if (paths.get(port) !== line.endpoint.path) release(port);
      for (const endpoint of endpoints) {
        const line = lines.get(endpoint.port);
        if (line === undefined) start(endpoint);
        else line.endpoint = endpoint;
      }
    },
    countIncoming() {
      const links = new Set([session, ...lines.values().map(({ link }) => link)]);
      return links.values().reduce((sum, { calls }) => sum + calls.incoming, 0);
    },
    freeze() {
      const ports = [...lines].flatMap(([port, { link }]) => freezeLink(link, port));
      return ports.some(({ isSession }) => isSession) ? ports : [...ports, ...freezeLink(session, undefined)];
    },
    async close() {
      const ends = [...lines.values()].map(({ ended }) => ended);
      for (const port of lines.keys()) release(port);
      await Promise.all([...ends, sessionFree]);
    },
  };
}
