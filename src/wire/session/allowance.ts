/** Limits the messages that need no answer and that nothing waits for. */

/** An allowance of bytes that is renewed as time passes. */
export type Allowance = {
  /** Takes the cost of a message of so many bytes. Returns false when the allowance is used up. */
  take(bytes: number): boolean;
  /** Renews the allowance. Called about once a second. */
  renew(): void;
};

/** Even a short message takes the time to handle it. */
const MESSAGE_BYTES = 256;

/** Creates a full allowance of `windowBytes`. */
export function createAllowance(windowBytes: number): Allowance {
  let left = windowBytes;
  return {
    take(bytes) {
      if (left <= 0) return false;
      left -= bytes + MESSAGE_BYTES;
      return true;
    },
    renew() {
      left = windowBytes;
    },
  };
}
