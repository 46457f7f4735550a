/** The quota of one peer for messages that need no answer, and for calls that are refused. */

/**
 * Messages that need no answer: their number, bytes, and the time that they took, in milliseconds.
 * `refusedMs` is the time of refused calls.
 */
export type Unneeded = { messages: number; bytes: number; ms: number; refusedMs: number };

/** A quota. */
export type UnneededQuota = {
  /**
   * Counts messages and calls. Returns for how many milliseconds no more may be read from this channel,
   * because of messages: those that a cut sends again must not hold up the next channel.
   */
  take(use: Partial<Unneeded>, nowMs: number): number;
  /** Returns for how many milliseconds nothing of the peer may be read, because of refused calls. */
  pauseMs(nowMs: number): number;
  /** Whether a pause for refused calls was needed in the last seconds. */
  isSlow(nowMs: number): boolean;
  /** Which of them the peer is over, in words; undefined while it is over none. */
  exceeded(nowMs: number): string | undefined;
};

/** The most that a peer may use in each second, and at once after it used nothing for a while. */
const PER_SECOND: Unneeded = { messages: 2000, bytes: 4 * 1024 * 1024, ms: 5, refusedMs: 25 };
/** The pieces that are under way when a call ends, and a resend after a cut, fit into it. */
const AT_ONCE: Unneeded = { messages: 20_000, bytes: 16 * 1024 * 1024, ms: 12, refusedMs: 50 };
/** A longer pause would hide that the peer is alive. */
const LONGEST_PAUSE_MS = 1000;
/** So long after the last pause a peer still counts as over its quota. */
const SHOWN_MS = 60_000;
/** So long after it the peer is read in small pieces. */
const SLOW_MS = 3000;

const WORDS: Readonly<Record<keyof Unneeded, string>> = {
  messages: `more than ${PER_SECOND.messages} messages a second that need no answer`,
  bytes: `more than ${PER_SECOND.bytes} bytes a second of messages that need no answer`,
  ms: `messages that need no answer and take more than ${PER_SECOND.ms} ms of each second`,
  refusedMs: `calls that are refused and take more than ${PER_SECOND.refusedMs} ms of each second`,
};
const KINDS = ["messages", "bytes", "ms", "refusedMs"] as const;

/** Creates a quota of which nothing is used. `onExceeded` is called when the peer begins to be over it. */
export function createUnneededQuota(onExceeded: (what: string) => void): UnneededQuota {
  const level: Unneeded = { messages: 0, bytes: 0, ms: 0, refusedMs: 0 };
  let takenMs = 0;
  let pauseEndMs = Number.NEGATIVE_INFINITY;
  let last: { kind: keyof Unneeded; atMs: number } | undefined;

  const exceeded = (nowMs: number): string | undefined =>
    last === undefined || nowMs - last.atMs > SHOWN_MS ? undefined : WORDS[last.kind];

  return {
    take(use, nowMs) {
      const seconds = Math.max(0, nowMs - takenMs) / 1000;
      takenMs = nowMs;
      let pauseMs = 0;
      for (const kind of KINDS) {
        level[kind] = Math.max(0, level[kind] - seconds * PER_SECOND[kind]) + (use[kind] ?? 0);
        const excess = level[kind] - AT_ONCE[kind];
        if (excess <= 0 || use[kind] === undefined) continue;
        const isNews = exceeded(nowMs) === undefined;
        last = { kind, atMs: nowMs };
        if (isNews) onExceeded(WORDS[kind]);
        const ownMs = Math.min((excess / PER_SECOND[kind]) * 1000, LONGEST_PAUSE_MS);
        if (kind === "refusedMs") pauseEndMs = Math.max(pauseEndMs, nowMs + ownMs);
        else pauseMs = Math.max(pauseMs, ownMs);
      }
      return pauseMs;
    },
    pauseMs: (nowMs) => Math.max(0, pauseEndMs - nowMs),
    isSlow: (nowMs) => last?.kind === "refusedMs" && nowMs - last.atMs <= SLOW_MS,
    exceeded,
  };
}
