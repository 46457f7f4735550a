/** The limits of one peer. Each one is checked before memory is taken. */

/**
 * The defaults of the limits. A setting can change `lineBytes`, `openCalls` and the last three. Tests pass
 * other values for the rest.
 */
export const DEFAULT_LIMITS = {
  /** The longest native line, in bytes without its LF. */
  lineBytes: 1024 * 1024,
  /** The longest body of a length-prefixed frame, in bytes. */
  lengthPrefixedBytes: 16 * 1024 * 1024,
  /** Calls of one peer that run here at once. */
  openCalls: 128,
  /** Streams that one call may open. */
  streamsPerCall: 8,
  /** Bytes of one stream that a sender may send before the reader reads some. */
  streamCreditBytes: 128 * 1024,
  /** Bytes of unacknowledged messages that are kept for sending again. At this limit, sending waits. */
  unacknowledgedBytes: 1024 * 1024,
  /** Results that are kept for a caller that repeats a call id: their number, bytes and age. */
  finishedCalls: 256,
  finishedBytes: 1024 * 1024,
  finishedMs: 10 * 60_000,
  /** Invalid frames of a peer, in one epoch or before it, until the session ends. */
  faults: 32,
  /** Silence after which this side pings the peer. */
  pingAfterMs: 10_000,
  /** Silence after which a peer counts as unresponsive. */
  unresponsiveAfterMs: 30_000,
  /** Silence after which this side ends the calls of a peer, except detached ones. */
  abandonAfterMs: 120_000,
} as const;

/** The limits of one peer. */
export type Limits = { readonly [name in keyof typeof DEFAULT_LIMITS]: number };

/** The most payload bytes of one stream chunk. A part of the protocol. */
export const CHUNK_BYTES = 32 * 1024;
/** The deepest nesting of objects and arrays in a message. A part of the protocol. */
export const MESSAGE_DEPTH = 32;
/**
 * The most commas, colons and opening brackets outside the strings of one message. Each of them stands for a
 * value or a name, which takes far more memory and time than its bytes. So many are read in a tenth of a
 * second. A part of the protocol.
 */
export const MESSAGE_MARKS = 131_072;
