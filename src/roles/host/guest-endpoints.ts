/** The channels of one guest as plain data: those that it has, and the last one of a saved guest. */
import type { Endpoint } from "../../discovery/endpoint.ts";
import type { DialectTable } from "../../peers/dialect-table.ts";
import type { ForeignDialect } from "../../peers/dialect.ts";

/** The last channel of a saved guest, and the time of its save. */
export type Saved = { endpoint: Endpoint; since: Date };

/** The channels of one guest. */
export type GuestEndpoints = {
  /** True if the guest has no channel now. */
  readonly isEmpty: boolean;
  /** The last channel of a saved guest; undefined for any other guest. */
  readonly saved: Saved | undefined;
  /** The channel of the session; the last channel for a saved guest. */
  readonly calling: Endpoint | undefined;
  /** The channels on which the host calls the guest in a foreign dialect, in the order of the table. */
  readonly foreignCalling: readonly { dialect: ForeignDialect; endpoint: Endpoint }[];
  /** The channels to hold: the session's, and each one on which the guest sends first. */
  readonly held: readonly Endpoint[];
  /** Adds or replaces a channel. Returns true if the guest was saved before. */
  add(endpoint: Endpoint): boolean;
  /** Removes a channel of a saved guest. Returns true for the first one. */
  save(endpoint: Endpoint): boolean;
  /** Removes a channel that is gone. */
  remove(port: string): void;
  /** Returns the channels, and the last one of a saved guest, with `nowMs` of the clock of the watch. */
  freeze(nowMs: number): FrozenEndpoints;
};

/** The channels of a guest as plain data. */
export type FrozenEndpoints = { present: Endpoint[]; saved?: { endpoint: Endpoint; since: string } };

/** Creates a guest without channels, or a frozen one. Ports that no dialect uses are ignored. */
export function createGuestEndpoints(dialects: DialectTable, frozen?: FrozenEndpoints): GuestEndpoints {
  const present = new Map(frozen?.present.map((endpoint) => [endpoint.port, endpoint]));
  let saved: Saved | undefined = frozen?.saved && { ...frozen.saved, since: new Date(frozen.saved.since) };
  const callingPorts = dialects.callingPorts("host");
  const sessionPorts = callingPorts.filter(({ isNative }) => isNative);
  const foreignPorts = callingPorts.filter(({ isNative }) => !isNative);

  const sessionEndpoint = (): Endpoint | undefined => {
    const best = sessionPorts.find(({ name }) => present.has(name));
    return best === undefined ? undefined : present.get(best.name);
  };

  return {
    get isEmpty() {
      return present.size === 0;
    },
    get saved() {
      return present.size === 0 ? saved : undefined;
    },
    get calling() {
      return sessionEndpoint() ?? saved?.endpoint;
    },
    get foreignCalling() {
      return foreignPorts.flatMap(({ name, foreign: [dialect] }) => {
        const endpoint = present.get(name);
        return dialect === undefined || endpoint === undefined ? [] : [{ dialect, endpoint }];
      });
    },
    get held() {
      const session = sessionEndpoint();
      const back = [...present.values()].filter(({ port }) => dialects.portUse(port)?.dialler === "guest");
      return session === undefined ? back : [session, ...back];
    },
    add(endpoint) {
      if (dialects.portUse(endpoint.port) === undefined) return false;
      const wasSaved = saved !== undefined;
      present.set(endpoint.port, endpoint);
      saved = undefined;
      return wasSaved;
    },
    save(endpoint) {
      present.delete(endpoint.port);
      const isNews = saved === undefined;
      saved = { endpoint, since: saved?.since ?? new Date() };
      return isNews;
    },
    remove: (port) => void present.delete(port),
    freeze: (nowMs) => ({
      present: [...present.values()],
      ...(saved !== undefined &&
        present.size === 0 && {
          saved: { endpoint: shiftWait(saved.endpoint, -nowMs), since: saved.since.toISOString() },
        }),
    }),
  };
}

/** Returns all channels of frozen guests, for a watch whose clock says `nowMs`. */
export function thawEndpoints(frozen: FrozenEndpoints, nowMs: number): FrozenEndpoints {
  const { present, saved } = frozen;
  return saved === undefined
    ? frozen
    : { present, saved: { ...saved, endpoint: shiftWait(saved.endpoint, nowMs) } };
}

/** The clock of the watch starts with each program, so the wait is handed over as the time that is left. */
function shiftWait(endpoint: Endpoint, byMs: number): Endpoint {
  const { awaitedUntilMs } = endpoint;
  return awaitedUntilMs === undefined ? endpoint : { ...endpoint, awaitedUntilMs: awaitedUntilMs + byMs };
}
