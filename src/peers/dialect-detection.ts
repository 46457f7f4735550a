/** Finding out what the other side speaks, which takes until it has answered a hello. */
import { clampDelay } from "../delay.ts";
import type { SessionState } from "../wire/session/session.ts";

export type DialectDetection = {
  /**
   * What the other side speaks, as far as is known now; undefined before it was heard, and again when a native session is
   * cut: an agent that speaks something else may come in its place.
   */
  readonly dialect: "native" | "legacy" | undefined;
  /** To be told every state of the session. */
  onState: (state: SessionState) => void;
  /** What was heard need not hold any more: the next hello will tell. */
  doubt(): void;
  /** The dialect, as soon as it is known; undefined after `timeoutMs` (0 is no limit), or when there is no use in waiting. */
  heard(timeoutMs: number, signal?: AbortSignal): Promise<DialectDetection["dialect"]>;
  /** There is no use in waiting now: who waits need not. */
  release(): void;
};

export function createDialectDetection(): DialectDetection {
  let dialect: DialectDetection["dialect"];
  let isEnded = false;
  /** Not one promise for all: those who gave up would stay with it. */
  const waiting = new Set<(heard: DialectDetection["dialect"]) => void>();

  const release = (): void => {
    for (const resolve of waiting) resolve(dialect);
    waiting.clear();
  };

  return {
    get dialect() {
      return dialect;
    },
    onState(state) {
      // A command line's conversation that has ended will hear nothing more.
      if (state === "ended") isEnded = true;
      if (state === "open") dialect = "native";
      else if (state === "foreign") dialect = "legacy";
      else if (dialect === "native") dialect = undefined;
      if (isEnded || dialect !== undefined) release();
    },
    doubt() {
      dialect = undefined;
    },
    async heard(timeoutMs, signal) {
      if (dialect !== undefined || isEnded || signal?.aborted === true) return dialect;
      const { promise, resolve } = Promise.withResolvers<DialectDetection["dialect"]>();
      const giveUp = (): void => resolve(undefined);
      const timer = timeoutMs > 0 ? setTimeout(giveUp, clampDelay(timeoutMs)) : undefined;
      signal?.addEventListener("abort", giveUp, { once: true });
      waiting.add(resolve);
      const heard = await promise;
      waiting.delete(resolve);
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
      return heard;
    },
    release,
  };
}
