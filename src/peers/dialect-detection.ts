/** Finds out which dialect the peer speaks: known once it has answered a hello, or refused one. */
import { onAbort } from "../abort.ts";
import { clampDelay } from "../delay.ts";
import type { SessionState } from "../wire/session/session.ts";
import type { Dialect } from "./dialect.ts";
import { NATIVE } from "./native.ts";

/** What is known of the peer's dialect. */
export type DialectDetection = {
  /**
   * The peer's dialect; undefined before it is known, and again when a native session is cut, because an
   * agent of another dialect may take the native one's place.
   */
  readonly dialect: Dialect | undefined;
  /**
   * To be called with every state of the session, and with the dialect that refused our hello if the state is
   * `foreign`.
   */
  follow(state: SessionState, foreign: Dialect | undefined): void;
  /** Forgets the dialect: the next hello shows it. */
  recheck(): void;
  /**
   * The dialect, as soon as it is known; undefined after `timeoutMs` (0 is no limit), after `release`, or on
   * abort.
   */
  wait(timeoutMs: number, signal?: AbortSignal): Promise<Dialect | undefined>;
  /** Ends all waiting: no answer can come now. */
  release(): void;
};

/** Detection that knows nothing yet. */
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
      const giveNothing = (): void => resolve(undefined);
      const timer = timeoutMs > 0 ? setTimeout(giveNothing, clampDelay(timeoutMs)) : undefined;
      using _ = signal === undefined ? undefined : onAbort(signal, giveNothing);
      waiting.add(resolve);
      const detected = await promise;
      waiting.delete(resolve);
      clearTimeout(timer);
      return detected;
    },
    release,
  };
}
