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
   * the first silence of a row: libvirt knows whether a program has the port open.
   */
  onFailure: () => void;
  /** Called once in a row of failures, 3.5 s after the first one. */
  onGone: (failure: NegotiatorError) => void;
};

/** A call that comes later is not kept waiting. */
const LOST_MS = 2000;
/** Every call ends within five seconds. A guest that is restored at the same place is back before. */
const GONE_MS = 3500;
/** A lasting absence must not cause scans for ever. */
const REPORTED_FAILURES = 4;
/** A guest that comes and goes must not cause many scans. */
const SILENCE_REPORT_MS = 10_000;

/** Creates the reach of a guest that was not dialled yet. */
export function createReach({ onFailure, onGone }: ReachOptions): Reach {
  let failure: NegotiatorError | undefined;
  let failures = 0;
  let sinceMs = 0;
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
    onFailure();
    onGone(failure);
  };

  const isLost = (): boolean => failures > 0 && performance.now() - sinceMs >= LOST_MS;

  return {
    get failure() {
      return failure;
    },
    failed(error) {
      failure = error;
      failures++;
      if (failures === 1) {
        sinceMs = performance.now();
        timer = setTimeout(declareGone, GONE_MS);
      }
      if (failures <= REPORTED_FAILURES) onFailure();
      notify();
    },
    silent() {
      const nowMs = performance.now();
      if (isSilent || nowMs - silenceReportedMs < SILENCE_REPORT_MS) return;
      isSilent = true;
      silenceReportedMs = nowMs;
      onFailure();
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
