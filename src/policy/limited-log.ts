/** Log lines under a rate limit: a peer that fails again and again must not fill the log. */
import { createQuota } from "./quota.ts";
import type { Quota, QuotaKey, Rate } from "./quota.ts";

/**
 * Writes one line, unless the rate under `key` is used up. Returns whether the line was written. Keys are
 * independent of each other; one limited log for a single subject uses the key `[]`.
 */
export type LimitedLog = (key: QuotaKey, message: string) => boolean;

/** `rate` holds for each key by itself. `now` returns milliseconds of a monotonic clock. */
export type LimitedLogOptions = {
  write: (message: string) => void;
  rate: Rate;
  now: () => number;
  /**
   * Several limited logs may share one quota, if their keys differ. Without it, this log has a quota for
   * itself.
   */
  quota?: Quota;
};

/** Returns a function that writes lines through `write`, within the rate. */
export function createLimitedLog(options: LimitedLogOptions): LimitedLog {
  const { write, rate, now, quota = createQuota({ maxKeys: 1000 }) } = options;
  return (key, message) => {
    const lease = quota.take(key, { rate }, now());
    if (!lease.granted) return false;
    lease[Symbol.dispose]();
    write(message);
    return true;
  };
}
