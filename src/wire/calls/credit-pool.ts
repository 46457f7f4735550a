/** Bounds the credit that all streams of one peer together may have beyond their first credits. */

/** A pool of credit, in bytes. */
export type CreditPool = {
  /** Takes bytes out of the pool. Returns false when there are not enough. */
  take(bytes: number): boolean;
  /** Puts bytes back. */
  give(bytes: number): void;
};

/** Creates a full pool. */
export function createCreditPool(totalBytes: number): CreditPool {
  let left = totalBytes;
  return {
    take(bytes) {
      if (bytes > left) return false;
      left -= bytes;
      return true;
    },
    give(bytes) {
      left += bytes;
    },
  };
}
