/**
 * Decides by the connected descriptor who may be at the other end of a unix socket. A path proves nothing:
 * its socket can be another one by the time of the connection.
 */
import { findForeignNamespace, findForeignRoot, isEnding } from "../trust/host-process.ts";
import { ourUid } from "../trust/ownership.ts";
import type { TrustFault } from "../trust/ownership.ts";
import type { PeerProcess } from "./peer-process.ts";

/** Why the other end must not be used, and what to do. */
export type PeerFault = Pick<TrustFault, "problem" | "remedy">;

/** The process that has to listen at a socket. */
export type ExpectedListener = {
  /** Besides root, this user may own the directories on the way to the socket. */
  placeUid: number;
  /** Resolves with the fault of the process that listens, or undefined. */
  findFault(listener: PeerProcess): Promise<PeerFault | undefined>;
  /** More lines for the remedy of an unsafe place. */
  more?: string;
};

/**
 * Finds out who has to listen at a socket, before each connection. Resolves with a fault if that cannot be
 * known.
 */
export type ListenerTrust = () => Promise<ExpectedListener | PeerFault>;

/** Trusts any listener, for a look whether there is one. Nothing may be said to it. */
export const trustAnyListener: ListenerTrust = () =>
  Promise.resolve({ placeUid: ourUid(), findFault: () => Promise.resolve(undefined) });

/** Trusts root and our own user. */
export const trustRootAndUs: ListenerTrust = () => Promise.resolve(expectUser(ourUid()));

/**
 * Returns a listener that is root, our own user or `uid`, in our own namespaces. `more` are more lines for
 * the remedies.
 */
export function expectUser(uid: number, more?: string): ExpectedListener {
  const uids = [...new Set([0, ourUid(), uid])];
  return {
    placeUid: uid,
    ...(more === undefined ? {} : { more }),
    async findFault(listener) {
      if (!uids.includes(listener.uid)) {
        const expected = uids.map((each) => (each === 0 ? "root" : `user ${each}`)).join(" or ");
        const objection = `runs as user ${listener.uid}, not as ${expected}`;
        return listenerFault(listener, objection, more);
      }
      const objection = findProcessFault(listener);
      return objection === undefined ? undefined : listenerFault(listener, objection);
    },
  };
}

/**
 * Returns whether a process that has a fault has ended, or is ending: then the fault may come from that. An
 * ending process loses its namespaces and its root directory before its end is known.
 */
export function hasEnded(listener: PeerProcess): boolean {
  return !listener.isRunning() || isEnding(listener.pid);
}

/**
 * Returns why the process at the other end is not in our own user and process namespaces with our root
 * directory, as after "which", or undefined. A user id from elsewhere proves nothing.
 */
export function findProcessFault(peer: PeerProcess): string | undefined {
  if (peer.pid === 0) return "runs outside of our process namespace, as in a container";
  const fault = findForeignNamespace(peer.pid) ?? findForeignRoot(peer.pid);
  // The facts are about this process only if it still runs after them.
  return peer.isRunning() ? fault : "has ended, so that it cannot be checked";
}

/** Returns the fault of a process that listens and must not. `objection` follows "which". */
export function listenerFault(listener: PeerProcess, objection: string, more?: string): PeerFault {
  const { pid, uid } = listener;
  const who = pid === 0 ? `a process of user ${uid}` : `process ${pid}`;
  const look = pid === 0 ? "Find it with: ss -xlp" : `Look at it: ps -fp ${pid}`;
  return {
    problem: `${who} listens there, which ${objection}`,
    remedy: more === undefined ? look : `${look}\n${more}`,
  };
}
