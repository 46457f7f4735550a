/**
 * Knows whether libvirt says that a guest cannot answer: it is paused, or no program has its port open.
 */
import type { Endpoint } from "../../discovery/endpoint.ts";
import { pause } from "../../peers/supervise.ts";
import type { Session } from "../../wire/session/session.ts";

/** The state of one guest by libvirt. */
export type Hindrance = {
  /** When the guest was paused; undefined if it is not. */
  readonly pausedSince: Date | undefined;
  /** The session has begun, or has been cut. */
  follow(): void;
  /** Takes the endpoint of the guest's session after each change. */
  update(endpoint: Endpoint | undefined): void;
  /**
   * Resolves to true when nothing keeps the guest from answering a new call. Resolves to false after
   * `timeoutMs` (0 for no limit), and when `signal` aborts. A state that has lasted for two seconds has half
   * a second to end: a scan may be late, and a pong or an answer to a hello corrects it. With `isPatient` it
   * has all of `timeoutMs`.
   */
  admit(timeoutMs: number, signal?: AbortSignal, isPatient?: boolean): Promise<boolean>;
};

/** A state that has lasted for so long is not expected to end soon. */
const LASTING_MS = 2000;
const CORRECTION_MS = 500;
const STEP_MS = 20;

/** Creates the state of a guest that nothing keeps from answering. */
export function createHindrance(session: Pick<Session, "state" | "heardMs" | "ask">): Hindrance {
  let paused: { date: Date; sinceMs: number } | undefined;
  /** Since when no program has the port open: since the cut before the scan that found it. */
  let closedMs: number | undefined;
  let cutMs: number | undefined;

  const sinceMs = (): number | undefined => {
    if (paused !== undefined) return paused.sinceMs;
    const isAnswered = session.state === "foreign" || session.heardMs > (closedMs ?? 0);
    return isAnswered ? undefined : closedMs;
  };

  return {
    get pausedSince() {
      return paused?.date;
    },
    follow() {
      cutMs = session.state === "open" ? undefined : (cutMs ?? performance.now());
    },
    update(endpoint) {
      if (endpoint?.state !== "paused") paused = undefined;
      else paused ??= { date: new Date(), sinceMs: performance.now() };
      if (endpoint?.connected !== false) closedMs = undefined;
      else closedMs ??= cutMs ?? performance.now();
    },
    async admit(timeoutMs, signal = new AbortController().signal, isPatient = false) {
      const since = sinceMs();
      if (since === undefined) return true;
      const startMs = performance.now();
      const isLasting = !isPatient && startMs - since >= LASTING_MS;
      const limitMs = timeoutMs > 0 ? timeoutMs : Infinity;
      const endMs = startMs + (isLasting ? Math.min(limitMs, CORRECTION_MS) : limitMs);
      session.ask();
      while (sinceMs() !== undefined && performance.now() < endMs && !signal.aborted)
        await pause(STEP_MS, signal);
      return sinceMs() === undefined;
    },
  };
}
