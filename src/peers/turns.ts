/**
 * Shares this process between peers. Each piece of work waits for its peer's turn, and peers that have work
 * get the same time. So a peer that keeps us busy delays itself.
 */

/** The turns of one peer. All its links and calls share them. */
export type PeerTurns = {
  /** Whether work of some peer waits. */
  readonly isContended: boolean;
  /**
   * Runs the work: at once if no other work waits, else in the peer's next turn. `laterMs` is what the work
   * costs after its end, in milliseconds. Returns undefined if it ran at once.
   */
  run(work: () => void, laterMs?: number): Promise<void> | undefined;
  /**
   * Says that so many milliseconds of the peer's work were in vain. They count several times, so that all
   * peers with such work together get half as much time as one other peer that has work.
   */
  countVain(ms: number): void;
};

/** The turns of all peers. */
export type Turns = { open(): PeerTurns };

/**
 * Tests pass their own clock, in milliseconds, and their own way to begin the next round. `isContended` is
 * true if work of several peers waits.
 */
export type TurnsOptions = {
  now?: () => number;
  defer?: (next: () => void, isContended: boolean) => void;
};

/** After so much work, events such as the input of other peers get their turn. */
const ROUND_MS = 4;

/** How many times vain work counts for each peer that has made us do some. */
const VAIN_WEIGHT = 2;
/** So long a peer counts as one of those. */
const VAIN_MS = 1000;

type Work = { run: () => void; laterMs: number; end: PromiseWithResolvers<void> };
/**
 * The peers' times are those of an imaginary clock, by which all peers that have work get the same time
 * (start-time fair queueing). `startMs` is the time of the peer's next work.
 */
type Account = { startMs: number; waiting: Work[] };

/** Creates turns without peers. */
export function createTurns(options: TurnsOptions = {}): Turns {
  const { now = () => performance.now(), defer = beginLater } = options;
  const waiting = new Set<Account>();
  /** The imaginary clock: the time of the last work. A peer that was idle begins here. */
  let clockMs = 0;
  /** The milliseconds of work in this round. */
  let roundMs = 0;
  let isDeferred = false;
  /** When the present work began. */
  let beganMs: number | undefined;

  const vain = createRecentCount(VAIN_MS, now);

  const use = (account: Account, ms: number): void => {
    account.startMs += ms;
    roundMs += ms;
  };

  const carryOut = (account: Account, run: () => void, laterMs: number): void => {
    // Work inside other work is a part of it.
    if (beganMs !== undefined) {
      use(account, laterMs);
      return run();
    }
    clockMs = Math.max(clockMs, account.startMs);
    beganMs = now();
    try {
      run();
    } finally {
      use(account, now() - beganMs + laterMs);
      beganMs = undefined;
    }
  };

  const isNext = ({ startMs }: Account): boolean =>
    waiting.values().every((other) => startMs <= other.startMs);

  const hasTime = (): boolean => roundMs < ROUND_MS;

  const endRound = (): void => {
    if (isDeferred) return;
    isDeferred = true;
    defer(() => {
      isDeferred = false;
      roundMs = 0;
      beginRound();
    }, waiting.size > 1);
  };

  const beginRound = (): void => {
    while (waiting.size > 0 && hasTime()) {
      const account = [...waiting].reduce((first, other) => (other.startMs < first.startMs ? other : first));
      const work = account.waiting.shift();
      if (account.waiting.length === 0) waiting.delete(account);
      if (work === undefined) continue;
      try {
        carryOut(account, work.run, work.laterMs);
        work.end.resolve();
      } catch (thrown) {
        work.end.reject(thrown);
      }
    }
    if (waiting.size > 0) endRound();
  };

  return {
    open() {
      const account: Account = { startMs: 0, waiting: [] };
      return {
        get isContended() {
          return waiting.size > 0;
        },
        run(work, laterMs = 0) {
          const isIdle = !waiting.has(account);
          if (isIdle) account.startMs = Math.max(account.startMs, clockMs);
          const usedMs = roundMs + (beganMs === undefined ? 0 : now() - beganMs);
          const mayRun = waiting.size === 0 ? usedMs < ROUND_MS : usedMs < 2 * ROUND_MS;
          if (isIdle && mayRun && isNext(account)) {
            carryOut(account, work, laterMs);
            endRound();
            return undefined;
          }
          const end = Promise.withResolvers<void>();
          account.waiting.push({ run: work, laterMs, end });
          waiting.add(account);
          endRound();
          return end.promise;
        },
        countVain(ms) {
          account.startMs += VAIN_WEIGHT * vain.add(account) * ms;
        },
      };
    },
  };
}

/** Counts accounts. `add` returns how many different ones were added in about the last `ms` milliseconds. */
function createRecentCount(ms: number, now: () => number): { add: (account: Account) => number } {
  let earlier = new Set<Account>();
  let recent = new Set<Account>();
  let sinceMs = now();
  return {
    add(account) {
      const agoMs = now() - sinceMs;
      if (agoMs >= ms) {
        earlier = agoMs < 2 * ms ? recent : new Set();
        recent = new Set();
        sinceMs += agoMs;
      }
      recent.add(account);
      return recent.union(earlier).size;
    },
  };
}

/** The work of a call has many short steps. A pause lets several of them pass between two rounds. */
const PAUSE_MS = 1;

function beginLater(next: () => void, isContended: boolean): void {
  if (isContended) setTimeout(next, PAUSE_MS);
  else setImmediate(next);
}

/** The turns of this process. */
export const TURNS = createTurns();
