/** Owns the one timer of everything that looks once a second: one timer for a thousand guests. */

/** Milliseconds between two calls of a listener. */
export const TICK_MS = 1000;

/**
 * Calls `listener` once a second until the result is disposed; the first time after a second at most. A
 * listener must not throw, because the others would miss their turn.
 */
export type EveryTick = (listener: () => void) => Disposable;

/** Creates a ticker, whose timer runs while it has listeners. */
export function createTicker(): EveryTick {
  const listeners = new Set<() => void>();
  let timer: ReturnType<typeof setInterval> | undefined;

  return (listener) => {
    // The same function may be given twice.
    const own = (): void => listener();
    listeners.add(own);
    timer ??= setInterval(() => {
      for (const each of listeners) each();
    }, TICK_MS);
    return {
      [Symbol.dispose]() {
        listeners.delete(own);
        if (listeners.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      },
    };
  };
}

/** The ticker of this process. */
export const everyTick = createTicker();
