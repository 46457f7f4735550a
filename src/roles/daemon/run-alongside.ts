/**
 * Runs a task in the background of another one, so that neither outlives the other and no failure is lost.
 */

/**
 * Resolves when `main` has resolved and `background`, whose signal then aborts, has ended. It stops waiting
 * for `main` when `background` fails or ends by itself. Throws the error of the first one that fails.
 */
export async function runAlongside(
  background: (signal: AbortSignal) => Promise<void>,
  main: () => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const running = background(stop.signal);
  try {
    await Promise.race([main(), running]);
  } finally {
    stop.abort();
    await Promise.allSettled([running]);
  }
  await running;
}
