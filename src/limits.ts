/** The limits on what one peer may cost. Each is checked before memory is taken. */

/** The default values. A setting can change those in `DEFAULTS.limits` of `config/settings.ts`. */
export const DEFAULT_LIMITS = {
  /** Longest native line, in bytes without its LF. */
  lineBytes: 1024 * 1024,
  /** Longest body of a length-prefixed frame, in bytes. */
  lengthPrefixedBytes: 16 * 1024 * 1024,
  /**
   * Most bytes of output in one answer of a python-negotiator, and in one answer to it. All answers that wait
   * for old callers have so much memory together.
   */
  foreignAnswerBytes: 64 * 1024 * 1024,
  /**
   * Most bytes that all peers together may make this side keep: unfinished messages, unread streams,
   * parameters of open calls, kept answers, and messages that no peer has acknowledged.
   */
  sharedBytes: 20 * 1024 * 1024,
  /** Most calls of one peer that run here at once. */
  openCalls: 128,
  /** Most bytes of the parameters of those calls. One call may have more if it is the only one. */
  openCallBytes: 4 * 1024 * 1024,
  /** Most streams of one call. */
  streamsPerCall: 8,
  /**
   * Most bytes of one stream that a sender may send before the reader has taken some. A stream begins with
   * `firstCreditBytes`, and a reader that keeps up gets more.
   */
  streamCreditBytes: 1024 * 1024,
  firstCreditBytes: 128 * 1024,
  /** Most bytes by which all streams of one peer together may exceed their first credits. */
  extraCreditBytes: 8 * 1024 * 1024,
  /**
   * Most bytes of numbered messages that are kept for a resend: stream chunks, and all other messages but
   * notices. Sending of that kind stops until some are acknowledged.
   */
  unacknowledgedDataBytes: 2 * 1024 * 1024,
  unacknowledgedBytes: 1024 * 1024,
  /** Most bytes of notices that the peer may send, and how fast it may send more: bytes in a second. */
  noticeCreditBytes: 256 * 1024,
  /**
   * Most results kept for a caller that attaches to its call, most bytes of them and of the parameters of
   * their calls, and how long they are kept at most.
   */
  finishedCalls: 256,
  finishedBytes: 1024 * 1024,
  finishedMs: 10 * 60_000,
  /** Most invalid frames, in one epoch or before it. After more the peer is cut off. */
  faults: 32,
  /** A frame that has begun and gets no further byte for so long will not be completed. */
  brokenFrameMs: 2000,
  /** A peer that sends nothing for so long gets a ping. */
  pingAfterMs: 10_000,
  /** A peer that sends nothing for so long counts as unresponsive. */
  unresponsiveAfterMs: 30_000,
  /** A peer that sends nothing for so long loses its calls, except the detached ones. */
  abandonAfterMs: 120_000,
} as const;

/** All limits, by their names in `DEFAULT_LIMITS`; bytes, counts, or milliseconds. */
export type Limits = { readonly [name in keyof typeof DEFAULT_LIMITS]: number };

/** Most payload bytes in one stream chunk. Part of the protocol, not a setting. */
export const CHUNK_BYTES = 64 * 1024;

/** Deepest nesting of objects and arrays in a message. Part of the protocol, not a setting. */
export const MESSAGE_DEPTH = 32;

/**
 * Most commas, colons and opening brackets outside the strings of one message. Each stands for a value or a
 * name, which takes far more memory and time than its bytes; so many are parsed in a tenth of a second. Part
 * of the protocol, not a setting.
 */
export const MESSAGE_MARKS = 131_072;

/**
 * The same for a message that is not the answer to a call that waits. A request has at most 4096 arguments.
 * More values would cost a peer nothing, and this side time and memory. Part of the protocol, not a setting.
 */
export const UNASKED_MARKS = 8192;

/**
 * Most members of one object in a message of more than `LARGE_MESSAGE_BYTES`. The runtime needs a tenth of a
 * second for an object with tens of thousands of different names. Part of the protocol, not a setting.
 */
export const OBJECT_MEMBERS = 1024;

/** A shorter message, such as a chunk of a stream as text, cannot hold too many values. */
export const LARGE_MESSAGE_BYTES = 80 * 1024;
