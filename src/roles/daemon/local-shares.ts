/** Gives each local user a share of what all of them use. Root takes as much as it wants. */
import { NegotiatorError } from "../../errors.ts";
import { printable } from "../../printable.ts";
import type { CallerInfo } from "../../wire/message.ts";

/** The most at once: of one user, and of all users but root. */
export type LocalLimits = { ofUser: number; ofAll: number };

/** The places that users have taken. */
export type LocalShares = {
  /** Whether nothing is taken. */
  readonly isEmpty: boolean;
  /** Takes one. Returns a `BUSY` error if the share of the user, or of all, is used up. */
  take(user: CallerInfo): Disposable | NegotiatorError;
};

/** Words for the refusal. `what` follows "Too many". `remedyFor` says how to see who holds them. */
export type LocalWords = { what: (whose: string) => string; remedyFor: (user: CallerInfo) => string };

/** Creates shares of which nothing is taken. Root takes as many as it wants. */
export function createLocalShares(limits: LocalLimits, { what, remedyFor }: LocalWords): LocalShares {
  const counts = new Map<number | undefined, number>();
  let countOfAll = 0;

  const refuse = (whose: string, limit: number, user: CallerInfo): NegotiatorError =>
    new NegotiatorError("BUSY", `Too many ${what(whose)} (${limit} of ${limit})`, {
      remedy: remedyFor(user),
    });

  return {
    get isEmpty() {
      return countOfAll === 0;
    },
    take(user) {
      const { uid } = user;
      // Root can do everything here anyway, and has to find out what the others do.
      if (uid === 0) return { [Symbol.dispose]: () => undefined };
      const count = counts.get(uid) ?? 0;
      if (count >= limits.ofUser) return refuse(`the local user ${nameOf(user)}`, limits.ofUser, user);
      if (countOfAll >= limits.ofAll) return refuse("all local users", limits.ofAll, {});
      counts.set(uid, count + 1);
      countOfAll++;
      let isHeld = true;
      return {
        [Symbol.dispose]() {
          if (!isHeld) return;
          isHeld = false;
          countOfAll--;
          const left = (counts.get(uid) ?? 1) - 1;
          if (left > 0) counts.set(uid, left);
          else counts.delete(uid);
        },
      };
    },
  };
}

function nameOf({ uid, name }: CallerInfo): string {
  return name === undefined ? String(uid ?? "without credentials") : `"${printable(name)}"`;
}
