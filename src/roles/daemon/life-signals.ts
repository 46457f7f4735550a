/** Handles the signals that control a daemon. It keeps a signal that comes during the start for later. */

/** The signals of one daemon. Disposing gives the signals their usual meaning again. */
export type LifeSignals = Disposable & {
  /** Resolves with the name of the first SIGTERM or SIGINT. */
  readonly stopSignal: Promise<NodeJS.Signals>;
  /** Aborts at the second SIGTERM or SIGINT. */
  readonly abort: AbortSignal;
  /** Calls `reload` at each SIGHUP, and now if there was one already. */
  onReload(reload: () => void): void;
  /** Calls `reexec` at each SIGUSR2, and now if there was one already. */
  onReexec(reexec: () => void): void;
};

/** Catches SIGHUP, SIGTERM, SIGINT and SIGUSR2. A daemon calls this before anything else. */
export function catchSignals(): LifeSignals {
  const { promise: stopSignal, resolve } = Promise.withResolvers<NodeJS.Signals>();
  const abort = new AbortController();
  let isStopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (isStopping) abort.abort();
    isStopping = true;
    resolve(signal);
  };
  const reload = createDue();
  const reexec = createDue();
  process.on("SIGHUP", reload.call).on("SIGUSR2", reexec.call).on("SIGTERM", stop).on("SIGINT", stop);
  return {
    stopSignal,
    abort: abort.signal,
    onReload: reload.set,
    onReexec: reexec.set,
    [Symbol.dispose]() {
      process.off("SIGHUP", reload.call).off("SIGUSR2", reexec.call).off("SIGTERM", stop).off("SIGINT", stop);
    },
  };
}

/** A signal may come before its action is set. */
function createDue(): { call: () => void; set: (action: () => void) => void } {
  let isDue = false;
  let action = (): void => void (isDue = true);
  return {
    call: () => action(),
    set(next) {
      action = next;
      if (isDue) next();
    },
  };
}
