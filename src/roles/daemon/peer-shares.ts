/**
 * Gives each local user a share of the calls that a peer serves at once. A peer runs 128 calls at once, so
 * root always finds room. Each method that calls a peer for a local user takes a place.
 */
import { NegotiatorError } from "../../errors.ts";
import { printable } from "../../printable.ts";
import type { CallerInfo } from "../../wire/message.ts";
import { createLocalShares } from "./local-shares.ts";
import type { LocalLimits, LocalShares } from "./local-shares.ts";

/**
 * The places of local users at all peers. `guest` is the name of the peer on a host. Both functions throw
 * `BUSY` if the share of the user, or of all, is used up.
 */
export type PeerShares = {
  /** A place for a command, or for whatever else may take long. */
  takeCall(guest: string | undefined, user: CallerInfo | undefined): Disposable;
  /** A place for a word, such as a cancel: a user whose commands take all places needs it. */
  takeWord(guest: string | undefined, user: CallerInfo | undefined): Disposable;
};

const CALLS: LocalLimits = { ofUser: 32, ofAll: 96 };
const WORDS: LocalLimits = { ofUser: 8, ofAll: 16 };

/** Creates shares of which nothing is taken. */
export function createPeerShares(): PeerShares {
  return {
    takeCall: createTake(CALLS, (whose, target) => `calls of ${whose} to ${target}`),
    takeWord: createTake(WORDS, (whose, target) => `short calls of ${whose} to ${target}`),
  };
}

type Words = (whose: string, target: string) => string;

function createTake(limits: LocalLimits, words: Words): PeerShares["takeCall"] {
  const shares = new Map<string | undefined, LocalShares>();
  return (guest, user = {}) => {
    const share = shares.get(guest) ?? createShares(guest, limits, words);
    const place = share.take(user);
    if (place instanceof NegotiatorError) throw place;
    shares.set(guest, share);
    return {
      [Symbol.dispose]() {
        place[Symbol.dispose]();
        // Users can name any guest, so names without calls are removed.
        if (share.isEmpty) shares.delete(guest);
      },
    };
  };
}

function createShares(guest: string | undefined, limits: LocalLimits, words: Words): LocalShares {
  const target = guest === undefined ? "the host" : `"${printable(guest)}"`;
  return createLocalShares(limits, {
    what: (whose) => words(whose, target),
    remedyFor: ({ uid }) =>
      uid === undefined
        ? "Wait, or see the programs with: ps -eo user,pid,args | grep negotiator"
        : `Wait, or see its programs with: ps -u ${uid} -o pid,etime,args | grep negotiator`,
  });
}
