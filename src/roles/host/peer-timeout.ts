/** Measures how long a guest's agent has been gone, so that its calls on the host do not run for ever. */
import { everyTick, TICK_MS } from "../../peers/ticker.ts";
import type { EveryTick } from "../../peers/ticker.ts";

/** Options of a peer timeout. */
export type PeerTimeoutOptions = {
  /**
   * Returns true while the guest is connected, paused or saved: this time does not count. A paused or saved
   * guest cannot notice it.
   */
  isSuspended: () => boolean;
  afterMs: number;
  /** Tests replace the shared timer. */
  every?: EveryTick;
  /** Called when the guest has been gone for `afterMs`; again only after the count was suspended. */
  onTimeout: () => void;
};

/** Counts until it is disposed. Time in which this process itself stood still does not count. */
export function watchPeerTimeout({
  isSuspended,
  afterMs,
  onTimeout,
  every = everyTick,
}: PeerTimeoutOptions): Disposable {
  let goneMs = 0;
  const check = (): void => {
    if (isSuspended()) {
      goneMs = 0;
      return;
    }
    const wasTimedOut = goneMs >= afterMs;
    goneMs += TICK_MS;
    if (!wasTimedOut && goneMs >= afterMs) onTimeout();
  };
  return every(check);
}
