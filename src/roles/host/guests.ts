/** The guests of this host: a name for each, and behind it whoever answers there. */
import type { Endpoint } from "../../discovery/endpoint.ts";
import type { News } from "../../discovery/news.ts";
import { NegotiatorError } from "../../errors.ts";
import { nearest } from "../../nearest.ts";
import type { Peer } from "../../peers/peer.ts";
import type { Services } from "../daemon/services.ts";
import { createGuest } from "./guest.ts";
import type { Guest } from "./guest.ts";
import type { GuestStatus } from "./status.ts";

export type Guests = AsyncDisposable & {
  /** Takes note of channels that came and went. */
  update(news: Pick<News, "appeared" | "changed" | "gone">): void;
  /** Rejects with `NO_GUEST` and the nearest names, or with why the guest does not answer within `timeoutMs`, or until `signal`. */
  peer(name: string, timeoutMs: number, signal?: AbortSignal): Promise<Peer>;
  /** Sorted by name. */
  status(): GuestStatus[];
};

/** Saved guests that are waited for at once: a saved one costs no more than the memory of its conversation. */
const MOST_SAVED = 256;

export function createGuests(services: Services): Guests {
  const guests = new Map<string, Guest>();

  const connect = (endpoint: Endpoint): void => {
    // A guest on another machine can be listed, but its socket is not here.
    if (endpoint.machine !== undefined) return;
    if (endpoint.state === "saved") return park(endpoint);
    const guest = guests.get(endpoint.guest) ?? createGuest(endpoint, services);
    guests.set(endpoint.guest, guest);
    guest.add(endpoint);
  };
  /** There is nothing to keep for a guest that nobody could talk with since it was saved. */
  const park = (endpoint: Endpoint): void => {
    const guest = guests.get(endpoint.guest);
    if (guest === undefined) return;
    if (guest.isSaved || countSaved() < MOST_SAVED) guest.park(endpoint);
    else letGo(endpoint.guest, `guest "${endpoint.guest}" was saved, as were ${MOST_SAVED} others`);
  };
  const countSaved = (): number => [...guests.values()].filter(({ isSaved }) => isSaved).length;
  const disconnect = (endpoint: Endpoint): void => {
    if (guests.get(endpoint.guest)?.remove(endpoint) === "empty")
      letGo(endpoint.guest, `guest "${endpoint.guest}" is gone`);
  };
  const letGo = (name: string, reason: string): void => {
    const guest = guests.get(name);
    guests.delete(name);
    void guest?.close(reason);
  };

  return {
    update({ appeared, changed, gone }) {
      // A restored guest is at its new places before the old ones, if it lost some, could be its last.
      for (const endpoint of changed) connect(endpoint);
      for (const endpoint of gone) disconnect(endpoint);
      for (const endpoint of appeared) connect(endpoint);
    },
    async peer(name, timeoutMs, signal) {
      const guest = guests.get(name);
      if (guest === undefined) throw noGuest(name, [...guests.keys()]);
      return guest.peer(timeoutMs, signal);
    },
    status: () => [...guests.keys()].sort().flatMap((name) => guests.get(name)?.status() ?? []),
    async [Symbol.asyncDispose]() {
      await Promise.all([...guests.values()].map((guest) => guest.close("the host's daemon stops")));
    },
  };
}

/** What is said when no running guest has that name. */
export function noGuest(name: string, known: readonly string[]): NegotiatorError {
  // Guests are numbered: web2 is not a mistyped web1.
  const guesses = nearest(name, known).filter((guess) => withoutDigits(guess) !== withoutDigits(name));
  const remedy =
    guesses.length > 0
      ? `Did you mean ${guesses.map((guess) => `"${guess}"`).join(", ")}?`
      : "List the guests with: negotiator host list-guests";
  return new NegotiatorError("NO_GUEST", `No running guest with a negotiator channel is called "${name}"`, {
    remedy,
  });
}

function withoutDigits(name: string): string {
  return name.replaceAll(/\d+/g, "0");
}
