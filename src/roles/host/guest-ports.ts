/** The ports of one guest, each held by a link: which of them carries the conversation, and where it was when it was saved. */
import { PORT_NAMES } from "../../discovery/endpoint.ts";
import type { Endpoint } from "../../discovery/endpoint.ts";
import type { Link } from "../../peers/link.ts";

/** Where a guest was last, and since when it is saved. */
export type Saved = { endpoint: Endpoint; since: Date };

export type GuestPorts = {
  readonly isEmpty: boolean;
  /** Known as long as the guest is saved and has no port again. */
  readonly saved: Saved | undefined;
  /** Where the host calls the guest, or did before it was saved. */
  readonly calling: Endpoint | undefined;
  /** The links that are held, and the main one even if it is not. */
  links(): ReadonlySet<Link>;
  /** Holds a port. `isBack`: the guest was saved before. */
  add(endpoint: Endpoint): { isBack: boolean };
  /** Lets go of a port whose guest was saved. `isNews`: it was not known to be saved. */
  park(endpoint: Endpoint): { isNews: boolean };
  /** Lets go of a port that is gone. */
  remove(port: string): void;
  /** Lets go of all ports; resolves when nothing is held any more. */
  close(): Promise<void>;
};

export type GuestPortsOptions = {
  /** Carries the conversation, over one port at a time. */
  main: Link;
  /** For a port at which only the guest calls. */
  createBackLink: () => Link;
  /** Holds the port with the link until the signal is aborted. */
  hold: (endpoint: Endpoint, link: Link, signal: AbortSignal) => Promise<void>;
};

type Line = { endpoint: Endpoint; link: Link; stop: AbortController; ended: Promise<void> };

export function createGuestPorts({ main, createBackLink, hold }: GuestPortsOptions): GuestPorts {
  const lines = new Map<string, Line>();
  /** The one port for both ways of a guest that has the pair as well: only one of them carries the conversation. */
  let spare: Endpoint | undefined;
  let saved: Saved | undefined;
  /** A session goes over one channel at a time: the next one waits until this has ended. */
  let released: Promise<void> = Promise.resolve();

  const add = (endpoint: Endpoint): { isBack: boolean } => {
    const { port, path } = endpoint;
    if (port === PORT_NAMES.bothWays) spare = endpoint;
    // Of the two kinds the pair of ports is the newer.
    if (port === PORT_NAMES.bothWays && lines.has(PORT_NAMES.hostToGuest)) return { isBack: false };
    if (port === PORT_NAMES.hostToGuest) release(PORT_NAMES.bothWays);
    const line = lines.get(port);
    if (line?.endpoint.path === path) {
      line.endpoint = endpoint;
      return { isBack: false };
    }
    release(port);
    const isBack = saved !== undefined;
    saved = undefined;
    const stop = new AbortController();
    const isCalling = port !== PORT_NAMES.guestToHost;
    const link = isCalling ? main : createBackLink();
    const free = isCalling ? released : Promise.resolve();
    lines.set(port, { endpoint, link, stop, ended: free.then(() => hold(endpoint, link, stop.signal)) });
    return { isBack };
  };

  const release = (port: string): void => {
    const line = lines.get(port);
    lines.delete(port);
    if (line === undefined) return;
    line.stop.abort();
    if (line.link === main) released = line.ended;
    // Nobody comes back to a port that is gone: what runs for it here has to end.
    else line.link.session.close("the port is gone");
  };

  const drop = (port: string): void => {
    if (port === PORT_NAMES.bothWays) spare = undefined;
    release(port);
  };

  return {
    get isEmpty() {
      return lines.size === 0;
    },
    get saved() {
      return lines.size === 0 ? saved : undefined;
    },
    get calling() {
      const line = lines.get(PORT_NAMES.hostToGuest) ?? lines.get(PORT_NAMES.bothWays);
      return line?.endpoint ?? saved?.endpoint;
    },
    links: () => new Set([main, ...lines.values().map(({ link }) => link)]),
    add,
    park(endpoint) {
      drop(endpoint.port);
      const isNews = saved === undefined;
      const { since = new Date() } = saved ?? {};
      saved = { endpoint, since };
      return { isNews };
    },
    remove(port) {
      drop(port);
      if (port === PORT_NAMES.hostToGuest && spare !== undefined) add(spare);
    },
    async close() {
      const ends = [...lines.values()].map(({ ended }) => ended);
      for (const port of lines.keys()) release(port);
      await Promise.all([...ends, released]);
    },
  };
}
