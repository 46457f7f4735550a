/** Detects the peer's dialect from its answer to a hello, or from its refusal. */
import { onAbort } from "../abort.ts";
import { clampDelay } from "../delay.ts";
import type { SessionState } from "../wire/session/session.ts";
import type { Dialect } from "./dialect.ts";
import { NATIVE } from "./native.ts";

/** The detection of one peer's dialect. */
export type DialectDetection = {
  /**
   * The peer's dialect; undefined before it is known. A cut makes a native peer's dialect unknown again,
   * because an agent of another dialect may replace the native one.
   */
  readonly dialect: Dialect | undefined;
  /**
   * Takes every new state of the session. For the state `foreign`, takes the dialect that refused our hello.
   */
  follow(state: SessionState, foreign: Dialect | undefined): void;
  /** Makes the dialect unknown until the next hello shows it. */
  recheck(): void;
  /**
   * The dialect, as soon as it is known. Undefined when `timeoutMs` has passed (0 for no limit), after
   * `release`, when the session ends, and when `signal` aborts.
   */
  wait(timeoutMs: number, signal?: AbortSignal): Promise<Dialect | undefined>;
  /** Ends all waiting, with what is known. */
  release(): void;
};

/** A detection that has seen no state yet. */
export function createDialectDetection(): DialectDetection {
  let dialect: Dialect | undefined;
  let isEnded = false;
  const waiting = new Set<(dialect: Dialect | undefined) => void>();

  const release = (): void => {
    for (const resolve of waiting) resolve(dialect);
    waiting.clear();
  };

  return {
    get dialect() {
      return dialect;
    },
    follow(state, foreign) {
      if (state === "ended") isEnded = true;
      if (state === "open") dialect = NATIVE;
      else if (state === "foreign") dialect = foreign;
      else if (dialect === NATIVE) dialect = undefined;
      if (isEnded || dialect !== undefined) release();
    },
    recheck() {
      dialect = undefined;
    },
    async wait(timeoutMs, signal) {
      if (dialect !== undefined || isEnded || signal?.aborted === true) return dialect;
      const { promise, resolve } = Promise.withResolvers<Dialect | undefined>();
      const stopWaiting = (): void => resolve(undefined);
      const timer = timeoutMs > 0 ? setTimeout(stopWaiting, clampDelay(timeoutMs)) : undefined;
      using _ = signal === undefined ? undefined : onAbort(signal, stopWaiting);
      waiting.add(resolve);
      const detected = await promise;
      waiting.delete(resolve);
      clearTimeout(timer);
      return detected;
    },
    release,
  };
}
