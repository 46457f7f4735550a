/** Knows the process at the other end of a connected unix socket. */
import { closeSync } from "node:fs";
import { EVENTS } from "./descriptor-watch.ts";
import { openPeerProcess, pollNow, readPeerCredentials } from "./libc.ts";

/**
 * The process that connected to our socket, or that began to listen at the one we connected to (listen(2)).
 * Both facts are the kernel's, of that moment: the descriptor may have gone to another process since then.
 */
export type PeerProcess = {
  /** 0 for a process outside of our process namespace. */
  readonly pid: number;
  /** The effective user id, as our user namespace sees it. */
  readonly uid: number;
  /**
   * Returns false if the process has ended, so that `pid` may stand for another one. Kernels before Linux 6.5
   * cannot tell: then this returns true.
   */
  isRunning(): boolean;
};

/** Returns the process at the other end of a connected socket, or undefined if the kernel names none. */
export function identifyPeer(descriptor: number): (PeerProcess & Disposable) | undefined {
  const credentials = readPeerCredentials(descriptor);
  if (credentials === undefined) return undefined;
  let handle = openPeerProcess(descriptor);
  return {
    ...credentials,
    // The descriptor of a process can be read once the process has ended (pidfd_open(2)).
    isRunning: () => handle !== "ended" && (handle === undefined || pollNow(handle, EVENTS.IN) === 0),
    [Symbol.dispose]() {
      if (typeof handle === "number") closeSync(handle);
      handle = "ended";
    },
  };
}
