/** Does one thing while another goes on beside it, so that neither outlives the other or fails unheard. */

/**
 * Resolves when `main` has, after `companion` was told to end by its signal and has ended. When `companion` fails, or ends
 * by itself, `main` is waited for no longer. Throws what the first of them that failed has thrown.
 */
export async function runAlongside(
  companion: (signal: AbortSignal) => Promise<void>,
  main: () => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const going = companion(stop.signal);
  try {
    await Promise.race([main(), going]);
  } finally {
    stop.abort();
    await Promise.allSettled([going]);
  }
  await going;
}
