/**
 * The channels that one guest has now, as plain data: which are to be held, and where it was when it was
 * saved.
 */
import type { Endpoint } from "../../discovery/endpoint.ts";
import type { DialectTable } from "../../peers/dialect-table.ts";
import type { ForeignDialect } from "../../peers/dialect.ts";

/** Where a guest was last, and since when it is saved. */
export type Saved = { endpoint: Endpoint; since: Date };

/** The channels of one guest. */
export type GuestEndpoints = {
  readonly isEmpty: boolean;
  /** Undefined when the guest has a channel. */
  readonly saved: Saved | undefined;
  /** Where the host calls the guest over the session, or did before it was saved. */
  readonly calling: Endpoint | undefined;
  /** Where the host calls the guest in a dialect with a port to itself, the first of the table first. */
  readonly foreignCalling: readonly { dialect: ForeignDialect; endpoint: Endpoint }[];
  /** The channels to be held: the best one for the session, and each on which the guest speaks first. */
  readonly held: readonly Endpoint[];
  /** Adds a channel, or replaces what is known of it. Returns whether the guest was saved before. */
  add(endpoint: Endpoint): boolean;
  /** Removes a channel of a guest that was saved. Returns whether that is news. */
  save(endpoint: Endpoint): boolean;
  /** Removes a channel that is gone. */
  remove(port: string): void;
};

/** A guest without channels. Ports that no dialect uses are ignored. */
export function createGuestEndpoints(dialects: DialectTable): GuestEndpoints {
  const present = new Map<string, Endpoint>();
  let saved: Saved | undefined;
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
  };
}
