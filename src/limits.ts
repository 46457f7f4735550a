/** What one peer may cost us; each limit has a name in the config and is checked before memory is taken. */

export const DEFAULT_LIMITS = {
  /** Longest native line, in bytes without its LF. */
  lineBytes: 1024 * 1024,
  /** Longest body of a counted (legacy) frame, in bytes. */
  lengthPrefixedBytes: 16 * 1024 * 1024,
  /** Calls of one peer that run here at once. */
  openCalls: 128,
  /** Streams that one call may open. */
  streamsPerCall: 8,
  /** Bytes of one stream that a sender may have under way before its reader has taken some. */
  streamCreditBytes: 128 * 1024,
  /** Bytes of counted messages kept for a resend; when they are not acknowledged, sending stops. */
  unacknowledgedBytes: 1024 * 1024,
  /** Results kept for a caller that asks again with the same call id: how many, how much, how long. */
  finishedCalls: 256,
  finishedBytes: 1024 * 1024,
  finishedMs: 10 * 60_000,
  /** Frames that make no sense, within one epoch or before it, until the peer is cut off. */
  faults: 32,
  /** Silence after which the other side is asked whether it is there. */
  pingAfterMs: 10_000,
  /** Silence after which a peer counts as unresponsive. */
  unresponsiveAfterMs: 30_000,
  /** Silence after which a peer's calls that are not detached are ended. */
  abandonAfterMs: 120_000,
} as const;

export type Limits = { readonly [name in keyof typeof DEFAULT_LIMITS]: number };

/** Most payload bytes in one piece of a stream. Part of the protocol, not a setting. */
export const CHUNK_BYTES = 32 * 1024;
/** Deepest nesting of objects and arrays in a message. Part of the protocol, not a setting. */
export const MESSAGE_DEPTH = 32;
/**
 * Most commas, colons and opening brackets outside of the strings of one message: each stands for a value or a name that
 * takes far more memory and time than its bytes. As many as this are read in a tenth of a second. Part of the protocol.
 */
export const MESSAGE_MARKS = 131_072;
