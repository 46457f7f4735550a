/** Listens to an `AbortSignal`, and removes the listener. */

/**
 * Calls `react` once when `signal` aborts, or at once if it has aborted already. Disposing removes the
 * listener.
 */
export function onAbort(signal: AbortSignal, react: () => unknown): Disposable {
  const listener = (): void => void react();
  signal.addEventListener("abort", listener, { once: true });
  if (signal.aborted) listener();
  return { [Symbol.dispose]: () => signal.removeEventListener("abort", listener) };
}

/** Resolves or rejects as `promise` does, but rejects with the signal's reason as soon as `signal` aborts. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  using _ = onAbort(signal, () => reject(signal.reason));
  return await Promise.race([promise, aborted]);
}
