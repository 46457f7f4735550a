/** Bounds the credit that all streams of one peer together may have beyond their first credits. */
import type { MemoryShare } from "../memory.ts";

/** A pool of credit, in bytes. */
export type CreditPool = {
  /** Takes bytes out of the pool. Returns false when there are not enough. */
  take(bytes: number): boolean;
  /** Puts bytes back. */
  give(bytes: number): void;
};

/** Creates a full pool. What is taken out of it counts as memory of the peer, too. */
export function createCreditPool(totalBytes: number, memory?: MemoryShare): CreditPool {
  let left = totalBytes;
  return {
    take(bytes) {
      if (bytes > left || memory?.take(bytes) === false) return false;
      left -= bytes;
      return true;
    },
    give(bytes) {
      left += bytes;
      memory?.give(bytes);
    },
  };
}
