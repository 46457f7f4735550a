/** Measures the processor time of work, which does not include waiting on a busy machine. */

/** The kernel counts processor time in steps of up to 10 ms, so shorter work is repeated. */
const LEAST_MS = 100;
const MEASUREMENTS = 3;

/**
 * Returns the cost of one run of `work` in ms, in this thread only: without garbage collector and compiler.
 */
export function processorMsOf(work: () => unknown): number {
  return Math.min(...Array.from({ length: MEASUREMENTS }, () => measure(work)));
}

/**
 * Returns how many times the cost of `once` the cost of `more` is. Both are measured in turns, and the turn
 * with the smallest share counts: a busy machine can make a run longer, and no run shorter.
 */
export function costInRunsOf(once: () => unknown, more: () => unknown): number {
  const shares = Array.from({ length: MEASUREMENTS }, () => {
    const onceMs = measure(once);
    return measure(more) / Math.max(onceMs, measure(once));
  });
  return Math.min(...shares);
}

function measure(work: () => unknown): number {
  const start = process.threadCpuUsage();
  for (let count = 1; ; count++) {
    work();
    const { user, system } = process.threadCpuUsage(start);
    const ms = (user + system) / 1000;
    if (ms >= LEAST_MS) return ms / count;
  }
}
