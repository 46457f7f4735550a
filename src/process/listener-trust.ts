/**
 * Decides by the connected descriptor who may be at the other end of a unix socket. A path proves nothing:
 * its socket can be another one by the time of the connection.
 */
import { findForeignNamespace, findForeignRoot, HAS_ENDED } from "../trust/host-process.ts";
import { ourUid } from "../trust/ownership.ts";
import type { TrustFault } from "../trust/ownership.ts";
import type { PeerProcess } from "./peer-process.ts";

/** Why the other end must not be used, and what to do. `isGone`: it has ended since it accepted. */
export type PeerFault = Pick<TrustFault, "problem" | "remedy"> & { isGone?: true };

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
      if (objection === undefined) return undefined;
      const fault = listenerFault(listener, objection);
      if (objection.startsWith(HAS_ENDED)) await waitForEnd(listener);
      return listener.isRunning() ? fault : { ...fault, isGone: true };
    },
  };
}

/** An ending process has lost its namespaces and its root directory for a moment before its end is known. */
const ENDING_MS = 1000;
const ENDING_STEP_MS = 5;

async function waitForEnd(listener: PeerProcess): Promise<void> {
  const endMs = performance.now() + ENDING_MS;
  while (listener.isRunning() && performance.now() < endMs) await Bun.sleep(ENDING_STEP_MS);
}

/**
 * Returns why the process at the other end is not in our own user and process namespaces with our root
 * directory, as after "which", or undefined. A user id from elsewhere proves nothing.
 */
export function findProcessFault(peer: PeerProcess): string | undefined {
  if (peer.pid === 0) return "runs outside of our process namespace, as in a container";
  const fault = findForeignNamespace(peer.pid) ?? findForeignRoot(peer.pid);
  // The facts are about this process only if it still runs after them.
  return peer.isRunning() ? fault : `${HAS_ENDED}, so that it cannot be checked`;
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
