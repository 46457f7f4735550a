/** Handles the signals that control a daemon. It keeps a signal that comes during the start for later. */

/** The signals of one daemon. Disposing gives the signals their usual meaning again. */
export type LifeSignals = Disposable & {
  /** Resolves with the name of the first SIGTERM or SIGINT. */
  readonly stopSignal: Promise<NodeJS.Signals>;
  /** Aborts at the second SIGTERM or SIGINT. */
  readonly abort: AbortSignal;
  /** Calls `reload` at each SIGHUP, and now if there was one already. */
  onReload(reload: () => void): void;
};

/** Catches SIGHUP, SIGTERM and SIGINT. A daemon calls this before anything else. */
export function catchSignals(): LifeSignals {
  const { promise: stopSignal, resolve } = Promise.withResolvers<NodeJS.Signals>();
  const abort = new AbortController();
  let isStopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (isStopping) abort.abort();
    isStopping = true;
    resolve(signal);
  };
  let isReloadDue = false;
  let reload = (): void => void (isReloadDue = true);
  const onHangup = (): void => reload();
  process.on("SIGHUP", onHangup).on("SIGTERM", stop).on("SIGINT", stop);
  return {
    stopSignal,
    abort: abort.signal,
    onReload(next) {
      reload = next;
      if (isReloadDue) next();
    },
    [Symbol.dispose]: () => void process.off("SIGHUP", onHangup).off("SIGTERM", stop).off("SIGINT", stop),
  };
}
