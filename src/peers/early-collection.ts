/**
 * Collects garbage early. The runtime waits until there is much of it, and buffers and JSON of peers become
 * garbage so fast that a flood takes several hundred megabytes.
 */

/**
 * Tests replace the memory of the process in bytes, the collection, and the clock in milliseconds. Without
 * `waits` a collection only asks the runtime, which does most of the work in other threads and frees less.
 */
export type CollectionOptions = {
  readMemory?: () => number;
  collect?: (waits: boolean) => void;
  now?: () => number;
};

/** A look at the memory of the process costs some microseconds, so it comes after so many bytes. */
const LOOK_BYTES = 1024 * 1024;
/** Below this the runtime is left alone. */
const MUCH_BYTES = 80_000_000;
/** A collection takes some milliseconds, so it comes after the memory has grown by so much. */
const GROWTH_BYTES = 10_000_000;
/** From here on this thread waits for the collection, because the memory has to be free soon. */
const TOO_MUCH_BYTES = 115_000_000;
/** After a collection comes a pause of so many times its length, so that collections take 5 % of the time. */
const PAUSE_FACTOR = 19;
/** The least pause: a collection that does not wait may not have ended before. */
const LEAST_PAUSE_MS = 300;
/** So many bytes end a pause early if the memory is above the goal. */
const MOST_BYTES = 64 * 1024 * 1024;

/** Returns a function that gets the number of bytes that a peer has sent. */
export function createEarlyCollection(options: CollectionOptions = {}): (bytes: number) => void {
  const { readMemory = () => process.memoryUsage.rss() } = options;
  const { collect = (waits) => Bun.gc(waits), now = () => performance.now() } = options;
  let seenBytes = 0;
  let uncollectedBytes = 0;
  let pauseEndMs = Number.NEGATIVE_INFINITY;
  /** The memory after the last collection, or less. */
  let least = MUCH_BYTES - GROWTH_BYTES;

  return (bytes) => {
    seenBytes += bytes;
    if (seenBytes < LOOK_BYTES) return;
    uncollectedBytes += seenBytes;
    seenBytes = 0;
    const startMs = now();
    const isPause = startMs < pauseEndMs;
    if (isPause && uncollectedBytes < MOST_BYTES) return;
    const before = readMemory();
    if (isPause && before < TOO_MUCH_BYTES) return;
    if (before >= least + GROWTH_BYTES) {
      collect(before >= TOO_MUCH_BYTES);
      uncollectedBytes = 0;
      const endMs = now();
      pauseEndMs = endMs + Math.max(LEAST_PAUSE_MS, PAUSE_FACTOR * (endMs - startMs));
      least = readMemory();
    }
    least = Math.max(MUCH_BYTES - GROWTH_BYTES, Math.min(least, before));
  };
}

/** The collection of this process. */
export const collectEarly = createEarlyCollection();
