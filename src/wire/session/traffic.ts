/** Counts what a peer sends, and how much of it needs no answer, for the peer's quota. */

/** The numbers so far. A message is any frame, also an invalid one. */
export type Traffic = {
  messages: number;
  /** Messages that need no answer and that nothing waits for, and invalid ones. */
  unneeded: number;
  /** The bytes of those whose length is known. */
  unneededBytes: number;
  /** Those whose length is not known. */
  unsized: number;
};

/** Creates numbers of zero. */
export function createTraffic(): Traffic {
  return { messages: 0, unneeded: 0, unneededBytes: 0, unsized: 0 };
}
