/** How long a guest's agent has been gone: what runs here for it must not run for ever. */

export type PeerTimeoutOptions = {
  /** Whether the guest is there; or is paused or saved, so that it knows nothing of the time that passes. */
  isExcused: () => boolean;
  afterMs: number;
  /** The guest has been away for `afterMs`; told once for each time that it was there before. */
  onGone: () => void;
};

const TICK_MS = 1000;

/**
 * Counts on while nothing is connected, until it is disposed of. Time in which this side itself stood still
 * is not counted.
 */
export function watchPeerTimeout({ isExcused, afterMs, onGone }: PeerTimeoutOptions): Disposable {
  let absentMs = 0;
  const look = (): void => {
    if (isExcused()) {
      absentMs = 0;
      return;
    }
    const wasGone = absentMs >= afterMs;
    absentMs += TICK_MS;
    if (!wasGone && absentMs >= afterMs) onGone();
  };
  const timer = setInterval(look, TICK_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
