/** Counts calls in progress and calls per time for each key, such as one peer under one policy rule. Reads no clock. */

/** At most `calls` at once; from then on one more for every `perMs / calls` that pass. */
export type Rate = { calls: number; perMs: number };

/** A limit that is left out does not limit. */
export type QuotaLimits = { concurrency?: number | undefined; rate?: Rate | undefined };

/** Permission for one call; dispose of it when the call has ended. Disposing twice does nothing. */
export type Lease = Disposable & { granted: true };

/** `cause` names the limit; `retryAfterMs` is known where only time has to pass. */
export type Refusal = {
  granted: false;
  cause: "concurrency" | "rate" | "keys";
  message: string;
  retryAfterMs?: number;
};

export type Quota = {
  /** `nowMs` is from one monotonic clock; a refused call counts for nothing. */
  take: (key: string, limits: QuotaLimits, nowMs: number) => Lease | Refusal;
  /** How many keys are remembered now. */
  readonly size: number;
};

/** A call under a new key is refused while `maxKeys` others are in use; keys without calls are forgotten first. */
export function createQuota(options: { maxKeys?: number } = {}): Quota {
  const { maxKeys = 10_000 } = options;
  const accounts = new Map<string, Account>();

  function open(key: string, nowMs: number): Account | undefined {
    if (accounts.size >= maxKeys) {
      for (const [other, account] of accounts) if (isIdle(account, nowMs)) accounts.delete(other);
      if (accounts.size >= maxKeys) return undefined;
    }
    const account: Account = { running: 0, bucket: undefined };
    accounts.set(key, account);
    return account;
  }

  return {
    take(key, limits, nowMs) {
      const account = accounts.get(key) ?? open(key, nowMs);
      if (account === undefined) {
        return { granted: false, cause: "keys", message: `${maxKeys} callers are being counted already` };
      }
      const refusal = refuse(account, limits, nowMs);
      if (refusal !== undefined) return refusal;
      if (account.bucket !== undefined) account.bucket.calls -= 1;
      account.running += 1;
      let isHeld = true;
      return {
        granted: true,
        [Symbol.dispose]() {
          if (!isHeld) return;
          isHeld = false;
          account.running -= 1;
          if (account.running === 0 && account.bucket === undefined) accounts.delete(key);
        },
      };
    },
    get size() {
      return accounts.size;
    },
  };
}

/** `calls` is how many may start at `atMs`, fractions included. */
type Bucket = { rate: Rate; calls: number; atMs: number };
type Account = { running: number; bucket: Bucket | undefined };

function refuse(account: Account, limits: QuotaLimits, nowMs: number): Refusal | undefined {
  account.bucket = limits.rate === undefined ? undefined : refill(account.bucket, limits.rate, nowMs);
  const { concurrency } = limits;
  if (concurrency !== undefined && account.running >= concurrency) {
    const message = `${account.running} calls are running, ${concurrency} are allowed at once`;
    return { granted: false, cause: "concurrency", message };
  }
  const { bucket } = account;
  if (bucket === undefined || bucket.calls >= 1) return undefined;
  const { calls, perMs } = bucket.rate;
  const retryAfterMs = Math.ceil((1 - bucket.calls) * (perMs / calls));
  const message = `more than ${calls} calls in ${perMs / 1000} s; the next may start in ${Math.ceil(retryAfterMs / 1000)} s`;
  return { granted: false, cause: "rate", message, retryAfterMs };
}

/** A changed rate keeps what is left of the old one, up to what the new one allows. */
function refill(bucket: Bucket | undefined, rate: Rate, nowMs: number): Bucket {
  if (bucket === undefined) return { rate, calls: rate.calls, atMs: nowMs };
  const atMs = Math.max(nowMs, bucket.atMs);
  const calls = Math.min(rate.calls, bucket.calls + (atMs - bucket.atMs) * (rate.calls / rate.perMs));
  return { rate, calls, atMs };
}

/** Forgetting an idle account changes nothing: a new one would be just as full. */
function isIdle({ running, bucket }: Account, nowMs: number): boolean {
  if (running > 0) return false;
  return bucket === undefined || refill(bucket, bucket.rate, nowMs).calls >= bucket.rate.calls;
}
