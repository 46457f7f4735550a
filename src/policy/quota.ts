/** Counts running calls and calls per time for each key, such as one caller under one rule. Pure. */

/** At most `calls` at once; after that, one more call for every `perMs / calls` milliseconds. */
export type Rate = { calls: number; perMs: number };

/** The limits of one key. A missing limit means that there is none. */
export type QuotaLimits = { concurrency?: number | undefined; rate?: Rate | undefined };

/**
 * Two keys are equal if they have equal parts in the same order: `["a b"]` is not `["a", "b"]`, and `1` is
 * not `"1"`.
 */
export type QuotaKey = readonly (string | number)[];

/** One key that a call counts under, with the limits that apply to it. */
export type Claim = { key: QuotaKey; limits: QuotaLimits };

/** Permission for one call. Dispose of it when the call ends; disposing twice does nothing. */
export type Lease = Disposable & { granted: true };

/** `limit` is the limit that was reached and `claim` is whose it is. `reason` may be shown to the caller. */
export type Refusal = {
  granted: false;
  claim: Claim;
  limit: "concurrency" | "rate" | "keys";
  reason: string;
};

/** Made by `createQuota`. */
export type Quota = {
  /** Counts one call under `key`. `nowMs` is from a monotonic clock. A refused call is not counted. */
  take: (key: QuotaKey, limits: QuotaLimits, nowMs: number) => Lease | Refusal;
  /** Counts one call under several keys, or under none of them if one refuses. */
  takeAll: (claims: readonly Claim[], nowMs: number) => Lease | Refusal;
  /** Counts a call again that another program has counted, without a limit. */
  retake: (keys: readonly QuotaKey[]) => Lease;
  /** Returns how many calls each key may start; `nowMs` is as for `take`. The running ones are left out. */
  freeze: (nowMs: number) => FrozenAccount[];
  thaw: (accounts: readonly FrozenAccount[], nowMs: number) => void;
  /** The number of keys that are in use now. */
  readonly size: number;
};

/** The rate of one key as plain data. `ageMs`: since when it has had so many `calls`. */
export type FrozenAccount = { id: string; rate: Rate; calls: number; ageMs: number };

/**
 * Returns a quota for at most `maxKeys` keys. It removes keys that limit nothing now, and then refuses new
 * keys.
 */
export function createQuota(options: { maxKeys?: number } = {}): Quota {
  const { maxKeys = 10_000 } = options;
  const accounts = new Map<string, Account>();

  function open(id: string, nowMs: number, kept: ReadonlySet<string>): Account | undefined {
    if (accounts.size >= maxKeys) {
      for (const [other, account] of accounts)
        if (!kept.has(other) && isIdle(account, nowMs)) accounts.delete(other);
      if (accounts.size >= maxKeys) return undefined;
    }
    const account: Account = { running: 0, bucket: undefined };
    accounts.set(id, account);
    return account;
  }

  function takeAll(claims: readonly Claim[], nowMs: number): Lease | Refusal {
    const taken = new Map<string, Account>();
    for (const claim of claims) {
      // Map compares arrays by identity. Their JSON is equal only if all their parts are.
      const id = JSON.stringify(claim.key);
      const account = accounts.get(id) ?? open(id, nowMs, new Set(taken.keys()));
      const refusal = account === undefined ? tooManyKeys(claim, maxKeys) : refuse(account, claim, nowMs);
      if (account !== undefined) taken.set(id, account);
      if (refusal === undefined) continue;
      for (const [opened, unused] of taken) removeUnused(accounts, opened, unused);
      return refusal;
    }
    for (const [, account] of taken) if (account.bucket !== undefined) account.bucket.calls -= 1;
    return hold(taken);
  }

  function hold(taken: ReadonlyMap<string, Account>): Lease {
    for (const [, account] of taken) account.running += 1;
    let isHeld = true;
    return {
      granted: true,
      [Symbol.dispose]() {
        if (!isHeld) return;
        isHeld = false;
        for (const [id, account] of taken) {
          account.running -= 1;
          removeUnused(accounts, id, account);
        }
      },
    };
  }

  return {
    take: (key, limits, nowMs) => takeAll([{ key, limits }], nowMs),
    takeAll,
    retake(keys) {
      const taken = new Map<string, Account>();
      for (const key of keys) {
        const id = JSON.stringify(key);
        const account = accounts.get(id) ?? { running: 0, bucket: undefined };
        accounts.set(id, account);
        taken.set(id, account);
      }
      return hold(taken);
    },
    freeze: (nowMs) =>
      [...accounts].flatMap(([id, { bucket }]) =>
        bucket === undefined
          ? []
          : [{ id, rate: bucket.rate, calls: bucket.calls, ageMs: nowMs - bucket.atMs }],
      ),
    thaw(frozen, nowMs) {
      for (const { id, rate, calls, ageMs } of frozen)
        accounts.set(id, { running: 0, bucket: { rate, calls, atMs: nowMs - ageMs } });
    },
    get size() {
      return accounts.size;
    },
  };
}

/** `calls` is how many calls may start at `atMs`, with fractions. */
type Bucket = { rate: Rate; calls: number; atMs: number };
type Account = { running: number; bucket: Bucket | undefined };

function refuse(account: Account, claim: Claim, nowMs: number): Refusal | undefined {
  const { concurrency, rate } = claim.limits;
  account.bucket = rate === undefined ? undefined : refill(account.bucket, rate, nowMs);
  if (concurrency !== undefined && account.running >= concurrency) {
    const reason = `${account.running} calls are running, ${concurrency} are allowed at once`;
    return { granted: false, claim, limit: "concurrency", reason };
  }
  const { bucket } = account;
  if (bucket === undefined || bucket.calls >= 1) return undefined;
  const { calls, perMs } = bucket.rate;
  const waitSeconds = Math.ceil(((1 - bucket.calls) * (perMs / calls)) / 1000);
  const reason = `more than ${calls} calls in ${perMs / 1000} s; the next may start in ${waitSeconds} s`;
  return { granted: false, claim, limit: "rate", reason };
}

function tooManyKeys(claim: Claim, maxKeys: number): Refusal {
  return { granted: false, claim, limit: "keys", reason: `${maxKeys} callers are being counted already` };
}

function removeUnused(accounts: Map<string, Account>, id: string, account: Account): void {
  if (account.running === 0 && account.bucket === undefined) accounts.delete(id);
}

/** When a rate changes, the unused calls stay, at most as many as the new rate allows at once. */
function refill(bucket: Bucket | undefined, rate: Rate, nowMs: number): Bucket {
  if (bucket === undefined) return { rate, calls: rate.calls, atMs: nowMs };
  const atMs = Math.max(nowMs, bucket.atMs);
  const calls = Math.min(rate.calls, bucket.calls + (atMs - bucket.atMs) * (rate.calls / rate.perMs));
  return { rate, calls, atMs };
}

/** A new account would be just as full, so removing an idle one changes nothing. */
function isIdle({ running, bucket }: Account, nowMs: number): boolean {
  if (running > 0) return false;
  return bucket === undefined || refill(bucket, bucket.rate, nowMs).calls >= bucket.rate.calls;
}
