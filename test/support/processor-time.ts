/** Owns what a piece of work costs: time on the processor, so that waiting for one on a busy machine does not count. */

/** The kernel counts such time in steps of up to 10 ms, so that shorter work is repeated. */
const LEAST_MS = 100;
const MEASUREMENTS = 3;

/** What one run of `work` costs in milliseconds: of this thread alone, without the collector's and the compiler's. */
export function processorMsOf(work: () => unknown): number {
  return Math.min(...Array.from({ length: MEASUREMENTS }, () => measure(work)));
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
