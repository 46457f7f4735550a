/** All guests of this host, by name. */
import type { Clash, Endpoint } from "../../discovery/endpoint.ts";
import { mapBounded, PARALLEL_CALLS } from "../../discovery/libvirt/parallel-calls.ts";
import type { News } from "../../discovery/news.ts";
import type { NegotiatorError } from "../../errors.ts";
import { LEARN_MS } from "../../peers/dialect.ts";
import type { DialectTable } from "../../peers/dialect-table.ts";
import type { Peer } from "../../peers/peer.ts";
import type { Session } from "../../wire/session/session.ts";
import type { PushedCommands } from "../../peers/pushed-commands.ts";
import { settlesWithin } from "../../process/settling.ts";
import type { Services } from "../daemon/services.ts";
import type { PeerWish } from "./choose-peer.ts";
import { createGuest } from "./guest.ts";
import type { FrozenGuest, Guest } from "./guest.ts";
import type { Channel } from "../../wire/channel.ts";
import { noGuest } from "./no-guest.ts";
import type { GuestStatus } from "./status.ts";

/** The known guests. Disposing closes their channels and ends their calls. */
export type Guests = AsyncDisposable & {
  /** Adds the channels that appeared, and removes those that are gone. */
  update(news: Pick<News, "appeared" | "changed" | "gone" | "clashes">): void;
  /**
   * As `Guest.peer`. If no guest has this name, rejects with the clash that has it, with the error of
   * `lookUp`, or with `NO_GUEST` and similar names.
   */
  peer(name: string, timeoutMs: number, signal?: AbortSignal, wish?: PeerWish): Promise<Peer>;
  /** The guests whose sessions are open, or the one of this name. */
  openPeers(name?: string): { guest: string; peer: Peer }[];
  /** The guests whose sessions were open, or may be soon, and are not open now. */
  closedPeers(): { guest: string }[];
  /** The sockets of all held channels. */
  heldPaths(): string[];
  /** Their sessions; some may never have been open. */
  sessions(): Session[];
  /** The status of each guest, sorted by name. */
  status(): GuestStatus[];
  /** Asks foreign agents for facts that `status` lacks. Resolves when they have answered, or soon. */
  learn(): Promise<void>;
  /** Returns the guests as plain data. */
  freeze(): FrozenGuest[];
};

/** A guest of the program that this one has replaced. */
export type AdoptedGuest = { frozen: FrozenGuest; channels: Map<string, Channel> };

/** Each kept session of a saved guest costs memory. */
const MOST_SAVED = 256;

/** A daemon that has just begun does not know yet which guests answer. */
const FIRST_SESSIONS_MS = 10_000;

/** Options of the guests. */
export type GuestsOptions = {
  /** Makes the finders look again, because a guest cannot be dialled. Resolves when they have looked. */
  onUnreachable?: () => Promise<void>;
  /** Returns the commands that this host keeps for the guest of this name. */
  pushed?: (guest: string) => PushedCommands;
  /** Explains why the guest of this name cannot be called; undefined if there is none. */
  lookUp?: (name: string, signal: AbortSignal) => Promise<NegotiatorError | undefined>;
  adopted?: readonly AdoptedGuest[];
};

/** Creates a set of guests, empty or those of another program. Guests may speak these `dialects`. */
export function createGuests(
  services: Services,
  dialects: DialectTable,
  options: GuestsOptions = {},
): Guests {
  const { onUnreachable = () => Promise.resolve(), lookUp = () => Promise.resolve(undefined) } = options;
  let clashes: readonly Clash[] = [];
  const guests = new Map<string, Guest>();

  const add = (endpoint: Endpoint): void => {
    // The socket of a guest on another machine is not here, so it gets no link.
    if (endpoint.machine !== undefined) return;
    if (endpoint.state === "saved") return save(endpoint);
    const known = guests.get(endpoint.guest);
    const pushed = options.pushed?.(endpoint.guest);
    const guest = known ?? createGuest({ endpoint, services, dialects, onUnreachable, pushed });
    guests.set(endpoint.guest, guest);
    guest.add(endpoint);
  };
  const save = (endpoint: Endpoint): void => {
    const guest = guests.get(endpoint.guest);
    if (guest === undefined) return;
    if (guest.isSaved || countSaved() < MOST_SAVED) guest.save(endpoint);
    else close(endpoint.guest, `guest "${endpoint.guest}" was saved, as were ${MOST_SAVED} others`);
  };
  const countSaved = (): number => [...guests.values()].filter(({ isSaved }) => isSaved).length;
  const remove = (endpoint: Endpoint): void => {
    if (guests.get(endpoint.guest)?.remove(endpoint) === "empty")
      close(endpoint.guest, `guest "${endpoint.guest}" is gone`);
  };
  const close = (name: string, reason: string): void => {
    const guest = guests.get(name);
    guests.delete(name);
    void guest?.close(reason);
  };

  const learnAll = createLearning(() => [...guests.values()]);

  for (const { frozen, channels } of options.adopted ?? []) {
    const { endpoints, links } = frozen;
    const adopted = { endpoints, links, channels };
    const given = { services, dialects, onUnreachable, pushed: options.pushed?.(frozen.guest) };
    guests.set(frozen.guest, createGuest({ ...given, endpoint: frozen, adopted }));
  }

  return {
    update({ appeared, changed, gone, clashes: next = clashes }) {
      clashes = next;
      // A guest without channels would be closed, so a restored one gets its new channels first.
      for (const endpoint of changed) add(endpoint);
      for (const endpoint of gone) remove(endpoint);
      for (const endpoint of appeared) add(endpoint);
    },
    async peer(name, timeoutMs, signal = new AbortController().signal, wish) {
      const clash = clashes.find((candidate) => candidate.guests.includes(name));
      const guest = guests.get(name);
      if (guest === undefined)
        throw clash?.error ?? (await lookUp(name, signal)) ?? noGuest(name, [...guests.keys()]);
      return guest.peer(timeoutMs, signal, wish);
    },
    openPeers: (name) =>
      [...guests].flatMap(([guest, known]) => {
        const peer = name === undefined || name === guest ? known.openPeer() : undefined;
        return peer === undefined ? [] : [{ guest, peer }];
      }),
    closedPeers: () =>
      [...guests].flatMap(([guest, { session }]) => {
        const mayOpen = session.peer !== undefined || performance.now() < FIRST_SESSIONS_MS;
        return mayOpen && session.state !== "open" && session.state !== "foreign" ? [{ guest }] : [];
      }),
    heldPaths: () => [...guests.values()].flatMap((guest) => guest.heldPaths()),
    sessions: () => [...guests.values()].map(({ session }) => session),
    status: () => [...guests.keys()].sort().flatMap((name) => guests.get(name)?.status() ?? []),
    learn: learnAll,
    freeze: () => [...guests.values()].map((guest) => guest.freeze()),
    async [Symbol.asyncDispose]() {
      await Promise.all([...guests.values()].map((guest) => guest.close("the host's daemon stops")));
    },
  };
}

/** Asks a few guests at once. Those that answer too late are known to the next question. */
function createLearning(guests: () => readonly Guest[]): () => Promise<void> {
  let running: Promise<unknown> | undefined;
  return async () => {
    running ??= mapBounded(guests(), PARALLEL_CALLS, (guest) => guest.learn()).finally(
      () => (running = undefined),
    );
    await settlesWithin(running, LEARN_MS);
  };
}
