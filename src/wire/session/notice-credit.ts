/** The credit for notices in both directions. The receiver gives more as time passes. */

/** The credit of one session. A notice costs the bytes of its line and `NOTICE_BYTES` more. */
export type NoticeCredit = {
  /** Whether the peer still takes a notice whose line has so many bytes. */
  allows(lineBytes: number): boolean;
  /** Counts a sent notice. */
  send(lineBytes: number): void;
  /** The peer takes notices up to this total cost. A smaller limit than before does nothing. */
  raise(limit: number): void;
  /** Counts a received notice. Returns false when it exceeds the credit that the peer has. */
  receive(lineBytes: number): boolean;
  /** Whether the peer has used some of its credit. */
  readonly isUsed: boolean;
  /**
   * Returns the peer's new limit when it has used some of its credit. Called about once a second, so that
   * notices cannot use up this side's time. A rest of the credit could be too small for the next notice.
   */
  renew(): number | undefined;
  freeze(): FrozenNoticeCredit;
};

/** The numbers of a credit. */
export type FrozenNoticeCredit = Record<"sendLimit" | "receiveLimit" | "sent" | "received", number>;

/** Even an empty notice takes the time to handle it. */
export const NOTICE_BYTES = 256;

/**
 * Creates the credit of a new session, or of a frozen one. `sendLimit` is the peer's first credit,
 * `windowBytes` this side's.
 */
export function createNoticeCredit(
  options: { sendLimit: number; windowBytes: number },
  frozen: Partial<FrozenNoticeCredit> = {},
): NoticeCredit {
  const { windowBytes } = options;
  let { sendLimit = options.sendLimit, receiveLimit = windowBytes, sent = 0, received = 0 } = frozen;

  return {
    allows: (lineBytes) => sent + lineBytes + NOTICE_BYTES <= sendLimit,
    send(lineBytes) {
      sent += lineBytes + NOTICE_BYTES;
    },
    raise(limit) {
      sendLimit = Math.max(sendLimit, limit);
    },
    receive(lineBytes) {
      if (received + lineBytes + NOTICE_BYTES > receiveLimit) return false;
      received += lineBytes + NOTICE_BYTES;
      return true;
    },
    get isUsed() {
      return receiveLimit - received < windowBytes;
    },
    renew() {
      if (receiveLimit - received === windowBytes) return undefined;
      receiveLimit = received + windowBytes;
      return receiveLimit;
    },
    freeze: () => ({ sendLimit, receiveLimit, sent, received }),
  };
}
