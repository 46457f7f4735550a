/** The signals that steer a daemon, heard from its first moment: one that comes while it is being set up is not lost, and kills nobody. */

export type LifeSignals = Disposable & {
  /** Resolves with the name of the first signal that ends the daemon. */
  readonly stopped: Promise<NodeJS.Signals>;
  /** Aborted by the second of these. */
  readonly hurry: AbortSignal;
  /** Calls `reload` at each SIGHUP, and now if there was one already. */
  onReload(reload: () => void): void;
};

/** To be called before anything else of a daemon; disposing gives the signals their usual meaning again. */
export function catchSignals(): LifeSignals {
  const { promise: stopped, resolve } = Promise.withResolvers<NodeJS.Signals>();
  const hurry = new AbortController();
  let isStopped = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (isStopped) hurry.abort();
    isStopped = true;
    resolve(signal);
  };
  let isDue = false;
  let reload = (): void => void (isDue = true);
  const hangUp = (): void => reload();
  process.on("SIGHUP", hangUp).on("SIGTERM", stop).on("SIGINT", stop);
  return {
    stopped,
    hurry: hurry.signal,
    onReload(next) {
      reload = next;
      if (isDue) next();
    },
    [Symbol.dispose]: () => void process.off("SIGHUP", hangUp).off("SIGTERM", stop).off("SIGINT", stop),
  };
}
