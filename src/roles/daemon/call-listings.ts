/**
 * Lists the calls at peers, one list at a time for each peer and user. Each question about a call asks all
 * peers, so without this a user could fill all of them with lists.
 */
import type { CallerInfo } from "../../wire/message.ts";

/** Returns the list of one peer for one user. A question during a list gets the next one. */
export type Listings<Open, Rows> = (open: Open, caller: CallerInfo | undefined) => Promise<Rows>;

/** `ask` must not reject, and has to end. */
export function createListings<Open extends { guest?: string }, Rows>(
  ask: (open: Open, caller: CallerInfo | undefined) => Promise<Rows>,
): Listings<Open, Rows> {
  /** By peer and user. */
  const running = new Map<string, { now: Promise<Rows>; next: Promise<Rows> | undefined }>();
  const begin = (key: string, open: Open, caller: CallerInfo | undefined): Promise<Rows> => {
    const listing = { now: ask(open, caller), next: undefined };
    running.set(key, listing);
    void listing.now.finally(() => {
      if (listing.next === undefined) running.delete(key);
    });
    return listing.now;
  };
  return (open, caller) => {
    const key = JSON.stringify([open.guest, caller?.uid]);
    const listing = running.get(key);
    if (listing === undefined) return begin(key, open, caller);
    // The list that is under way may lack a call that has just begun.
    listing.next ??= listing.now.then(() => begin(key, open, caller));
    return listing.next;
  };
}
