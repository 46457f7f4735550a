/** Knows whether a guest's session can be dialled, and since when it cannot. */
import type { NegotiatorError } from "../../errors.ts";

/** The reach of one guest. */
export type Reach = Disposable & {
  /** The error of the last dial; undefined if a channel was opened. */
  readonly failure: NegotiatorError | undefined;
  /** Takes the error of a dial. */
  failed(error: NegotiatorError): void;
  /** A hello got no answer. */
  silent(): void;
  /** A hello got an answer. */
  answered(): void;
  /** A channel was opened, or is not dialled any longer. */
  clear(): void;
  /** The dialler pauses; `end` ends its pause. */
  paused(end: () => void): void;
  /**
   * Ends the pause of the dialler, because a call waits. Resolves to false if every dial has failed for two
   * seconds or longer, and the next one fails too.
   */
  dialNow(): Promise<boolean>;
};

/** Options of a reach. */
export type ReachOptions = {
  /**
   * Called at the first failures of a row: the guest may have ended, or have another socket. Also called at
   * the first silence of a row: libvirt knows whether a program has the port open. Resolves when the finders
   * have looked.
   */
  onFailure: () => Promise<void>;
  /** Whether the guest's finder reports by itself that the guest has ended, as libvirt does. */
  isReported: () => boolean;
  /** Called once in a row of failures, 3.5 s after the first one, but not before the finders have looked. */
  onGone: (failure: NegotiatorError) => void;
};

/** A call that comes later is not kept waiting. */
const LOST_MS = 2000;
/** Every call ends within five seconds. A guest that is restored at the same place is back before. */
const GONE_MS = 3500;
/** A guest that is saved or restored has no socket for a while, and libvirt may say so late. */
const LONGEST_LOOK_MS = 30_000;
const LOOK_STEP_MS = 250;
/** A lasting absence must not cause scans for ever. */
const REPORTED_FAILURES = 4;
/** A guest that comes and goes must not cause many scans. */
const SILENCE_REPORT_MS = 10_000;

/** Creates the reach of a guest that was not dialled yet. */
export function createReach({ onFailure, isReported, onGone }: ReachOptions): Reach {
  let failure: NegotiatorError | undefined;
  let failures = 0;
  let sinceMs = 0;
  /** Whether the finders have looked since the first failure of this row. */
  let hasLooked = false;
  let isSilent = false;
  let silenceReportedMs = -Infinity;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let endPause: (() => void) | undefined;
  let dialled = Promise.withResolvers<void>();

  const notify = (): void => {
    dialled.resolve();
    dialled = Promise.withResolvers();
  };
  const clear = (): void => {
    clearTimeout(timer);
    failures = 0;
    failure = undefined;
    notify();
  };
  const declareGone = (): void => {
    if (failure === undefined) return;
    const isUnclear = !hasLooked || isReported();
    if (isUnclear && performance.now() - sinceMs < LONGEST_LOOK_MS) {
      timer = setTimeout(declareGone, LOOK_STEP_MS);
      return;
    }
    void onFailure();
    onGone(failure);
  };
  const beginRow = async (): Promise<void> => {
    const startMs = performance.now();
    sinceMs = startMs;
    hasLooked = false;
    timer = setTimeout(declareGone, GONE_MS);
    await onFailure();
    if (sinceMs === startMs) hasLooked = true;
  };

  const isLost = (): boolean => failures > 0 && performance.now() - sinceMs >= LOST_MS;

  return {
    get failure() {
      return failure;
    },
    failed(error) {
      failure = error;
      failures++;
      if (failures === 1) void beginRow();
      else if (failures <= REPORTED_FAILURES) void onFailure();
      notify();
    },
    silent() {
      const nowMs = performance.now();
      if (isSilent || nowMs - silenceReportedMs < SILENCE_REPORT_MS) return;
      isSilent = true;
      silenceReportedMs = nowMs;
      void onFailure();
    },
    answered: () => void (isSilent = false),
    clear,
    paused: (end) => void (endPause = end),
    async dialNow() {
      const { promise } = dialled;
      endPause?.();
      if (isLost()) await promise;
      return !isLost();
    },
    [Symbol.dispose]: clear,
  };
}
