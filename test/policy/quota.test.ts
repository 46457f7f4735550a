/** Calls at once and calls per time. The tests pass the time in. */
import { expect, test } from "bun:test";
import { createQuota } from "../../src/policy/quota.ts";
import type { Lease, QuotaKey, Refusal } from "../../src/policy/quota.ts";

const PER_MINUTE = { rate: { calls: 3, perMs: 60_000 } };

function held(answer: Lease | Refusal): Lease {
  if (!answer.granted) throw new Error(`refused: ${answer.reason}`);
  return answer;
}

test("concurrency 2 refuses the third call of a key, until a lease is disposed of", () => {
  const quota = createQuota();
  const limits = { concurrency: 2 };
  const first = held(quota.take(["web1"], limits, 0));
  held(quota.take(["web1"], limits, 0));
  expect(quota.take(["web1"], limits, 0)).toMatchObject({ granted: false, limit: "concurrency" });
  expect(quota.take(["web2"], limits, 0).granted).toBe(true);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  expect(quota.take(["web1"], limits, 0).granted).toBe(true);
  expect(quota.take(["web1"], limits, 0)).toMatchObject({
    reason: "2 calls are running, 2 are allowed at once",
  });
});

test("a rate of 3 a minute allows 3 calls at once, then one every 20 seconds", () => {
  const quota = createQuota();
  for (let call = 0; call < 3; call++) held(quota.take(["web1"], PER_MINUTE, 1000))[Symbol.dispose]();
  expect(quota.take(["web1"], PER_MINUTE, 1000)).toMatchObject({
    limit: "rate",
    reason: expect.stringContaining("the next may start in 20 s"),
  });
  expect(quota.take(["web1"], PER_MINUTE, 20_999)).toMatchObject({
    limit: "rate",
    reason: expect.stringContaining("the next may start in 1 s"),
  });
  expect(quota.take(["web1"], PER_MINUTE, 21_000).granted).toBe(true);
  expect(quota.take(["web1"], PER_MINUTE, 21_000).granted).toBe(false);
  const late = [1, 2, 3, 4].map(() => quota.take(["web1"], PER_MINUTE, 10_000_000).granted);
  expect(late).toEqual([true, true, true, false]);
});

test("a call refused for concurrency does not use up the rate", () => {
  const quota = createQuota();
  const limits = { concurrency: 1, ...PER_MINUTE };
  const lease = held(quota.take(["web1"], limits, 0));
  for (let call = 0; call < 10; call++) expect(quota.take(["web1"], limits, 0).granted).toBe(false);
  lease[Symbol.dispose]();
  held(quota.take(["web1"], limits, 0))[Symbol.dispose]();
  held(quota.take(["web1"], limits, 0))[Symbol.dispose]();
  expect(quota.take(["web1"], limits, 0)).toMatchObject({ limit: "rate" });
});

test("a clock that is set back allows no further calls", () => {
  const quota = createQuota();
  for (let call = 0; call < 3; call++) held(quota.take(["web1"], PER_MINUTE, 50_000))[Symbol.dispose]();
  expect(quota.take(["web1"], PER_MINUTE, 0).granted).toBe(false);
  expect(quota.take(["web1"], PER_MINUTE, 50_000).granted).toBe(false);
});

test("a lower rate limits the next calls of a key", () => {
  const quota = createQuota();
  held(quota.take(["web1"], { rate: { calls: 100, perMs: 1000 } }, 0));
  const answers = [1, 2, 3, 4].map(() => quota.take(["web1"], PER_MINUTE, 0).granted);
  expect(answers).toEqual([true, true, true, false]);
});

test("without limits every call is granted, and its key is removed after the last one", () => {
  const quota = createQuota();
  const leases = Array.from({ length: 100 }, () => held(quota.take(["web1"], {}, 0)));
  expect(quota.size).toBe(1);
  for (const lease of leases) lease[Symbol.dispose]();
  expect(quota.size).toBe(0);
});

test("a new key beyond maxKeys is refused until another key is idle", () => {
  const quota = createQuota({ maxKeys: 3 });
  const running = held(quota.take(["running"], PER_MINUTE, 0));
  held(quota.take(["spent"], PER_MINUTE, 0))[Symbol.dispose]();
  held(quota.take(["other"], PER_MINUTE, 0))[Symbol.dispose]();
  expect(quota.take(["fourth"], PER_MINUTE, 1)).toMatchObject({ granted: false, limit: "keys" });
  expect(quota.take(["fourth"], PER_MINUTE, 20_000).granted).toBe(true);
  expect(quota.size).toBe(2);
  running[Symbol.dispose]();
  for (let key = 0; key < 1000; key++) quota.take([`flood ${key}`], { concurrency: 1 }, 20_000);
  expect(quota.size).toBe(3);
});

test("takeAll at maxKeys removes none of the keys that it counts under", () => {
  const quota = createQuota({ maxKeys: 2 });
  const running = held(quota.take(["running"], {}, 0));
  const claims = [
    { key: ["method"], limits: { rate: { calls: 1, perMs: 60_000 } } },
    { key: ["rule"], limits: {} },
  ];
  expect(quota.takeAll(claims, 0)).toMatchObject({ granted: false, limit: "keys" });
  running[Symbol.dispose]();
  held(quota.takeAll(claims, 0))[Symbol.dispose]();
  expect(quota.takeAll(claims, 1)).toMatchObject({ granted: false, limit: "rate" });
});

test("a lease counts under limits that were set after it was granted", () => {
  const quota = createQuota();
  const lease = held(quota.take(["web1"], PER_MINUTE, 0));
  expect(quota.take(["web1"], { concurrency: 1 }, 0)).toMatchObject({ limit: "concurrency" });
  lease[Symbol.dispose]();
  expect(quota.take(["web1"], { concurrency: 1 }, 0).granted).toBe(true);
});

test.each<[QuotaKey, QuotaKey]>([
  [
    ["rule", "web1 1"],
    ["rule web1", "1"],
  ],
  [
    ["log", "1"],
    ["1", "log"],
  ],
  [
    ["rule", 1],
    ["rule", "1"],
  ],
  [["a", ""], ["a"]],
  [['a","b'], ["a", "b"]],
])("the keys %j and %j are counted separately", (used, other) => {
  const quota = createQuota();
  held(quota.take(used, { concurrency: 1 }, 0));
  expect(quota.take([...used], { concurrency: 1 }, 0).granted).toBe(false);
  expect(quota.take(other, { concurrency: 1 }, 0).granted).toBe(true);
});

test("takeAll counts a call under no key if one of the keys refuses, and names that key's claim", () => {
  const quota = createQuota();
  const method = { key: ["method"], limits: PER_MINUTE };
  const rule = { key: ["rule"], limits: { concurrency: 1 } };
  const lease = held(quota.takeAll([method, rule], 0));
  for (let call = 0; call < 10; call++)
    expect(quota.takeAll([method, rule], 0)).toMatchObject({ limit: "concurrency", claim: rule });
  expect(quota.take(["unused"], {}, 0).granted).toBe(true);
  lease[Symbol.dispose]();
  const answers = [1, 2, 3].map(() => quota.take(["method"], PER_MINUTE, 0).granted);
  expect(answers).toEqual([true, true, false]);
  expect(quota.takeAll([method, rule], 0)).toMatchObject({ limit: "rate", claim: method });
});
