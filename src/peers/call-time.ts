/** The time of one call: its deadline, and the time for reaching the peer. */
import { clampDelay } from "../delay.ts";

/** Milliseconds from the start of a call; 0 for no limit. */
export type CallLimits = {
  /** The deadline of the whole call. */
  timeoutMs: number;
  /** The time in which the peer must be reached. */
  connectTimeoutMs: number;
  /** The caller named that time, and waits for all of it, also for a guest that starts only now. */
  isPatient?: boolean;
};

/** The time that is left of one call. */
export type CallTime = {
  /** Returns the milliseconds until the deadline: at least 1, even after it; 0 if there is no deadline. */
  left: () => number;
  /**
   * Returns the milliseconds for reaching the peer, until the connect timeout or the deadline: at least 1; 0
   * if there is no limit.
   */
  leftToConnect: () => number;
  /** Whether the deadline has passed, and comes before the connect timeout. */
  readonly isUp: boolean;
};

/** Starts the time of a call. */
export function startCall({ timeoutMs, connectTimeoutMs }: CallLimits): CallTime {
  const startMs = performance.now();
  const leftOf = (ms: number): number =>
    ms > 0 ? clampDelay(Math.max(1, Math.round(ms - (performance.now() - startMs)))) : 0;
  const isDeadlineFirst = timeoutMs > 0 && (connectTimeoutMs === 0 || timeoutMs < connectTimeoutMs);
  return {
    left: () => leftOf(timeoutMs),
    leftToConnect: () => leftOf(isDeadlineFirst ? timeoutMs : connectTimeoutMs),
    get isUp() {
      return isDeadlineFirst && leftOf(timeoutMs) <= EARLY_MS;
    },
  };
}

/** A timer of another process may fire a little earlier than ours. */
const EARLY_MS = 50;
