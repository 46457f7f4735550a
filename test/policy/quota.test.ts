/** Calls at once and calls per time, with the clock in the test's hand. */
import { expect, test } from "bun:test";
import { createQuota } from "../../src/policy/quota.ts";
import type { Lease, Refusal } from "../../src/policy/quota.ts";

const PER_MINUTE = { rate: { calls: 3, perMs: 60_000 } };

function held(answer: Lease | Refusal): Lease {
  if (!answer.granted) throw new Error(`refused: ${answer.message}`);
  return answer;
}

test("calls at once are limited for each key, and a disposed lease makes room once", () => {
  const quota = createQuota();
  const limits = { concurrency: 2 };
  const first = held(quota.take("web1", limits, 0));
  held(quota.take("web1", limits, 0));
  expect(quota.take("web1", limits, 0)).toMatchObject({ granted: false, cause: "concurrency" });
  expect(quota.take("web2", limits, 0).granted).toBe(true);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  expect(quota.take("web1", limits, 0).granted).toBe(true);
  expect(quota.take("web1", limits, 0)).toMatchObject({
    message: "2 calls are running, 2 are allowed at once",
  });
});

test("a rate allows its number at once, then one for every share of the time", () => {
  const quota = createQuota();
  for (let call = 0; call < 3; call++) held(quota.take("web1", PER_MINUTE, 1000))[Symbol.dispose]();
  expect(quota.take("web1", PER_MINUTE, 1000)).toMatchObject({ cause: "rate", retryAfterMs: 20_000 });
  expect(quota.take("web1", PER_MINUTE, 20_999)).toMatchObject({ cause: "rate", retryAfterMs: 1 });
  expect(quota.take("web1", PER_MINUTE, 21_000).granted).toBe(true);
  expect(quota.take("web1", PER_MINUTE, 21_000).granted).toBe(false);
  const late = [1, 2, 3, 4].map(() => quota.take("web1", PER_MINUTE, 10_000_000).granted);
  expect(late).toEqual([true, true, true, false]);
});

test("a refusal for one limit does not use up the other", () => {
  const quota = createQuota();
  const limits = { concurrency: 1, ...PER_MINUTE };
  const lease = held(quota.take("web1", limits, 0));
  for (let call = 0; call < 10; call++) expect(quota.take("web1", limits, 0).granted).toBe(false);
  lease[Symbol.dispose]();
  held(quota.take("web1", limits, 0))[Symbol.dispose]();
  held(quota.take("web1", limits, 0))[Symbol.dispose]();
  expect(quota.take("web1", limits, 0)).toMatchObject({ cause: "rate" });
});

test("a clock that goes back gives nothing away", () => {
  const quota = createQuota();
  for (let call = 0; call < 3; call++) held(quota.take("web1", PER_MINUTE, 50_000))[Symbol.dispose]();
  expect(quota.take("web1", PER_MINUTE, 0).granted).toBe(false);
  expect(quota.take("web1", PER_MINUTE, 50_000).granted).toBe(false);
});

test("a changed rate counts from the next call", () => {
  const quota = createQuota();
  held(quota.take("web1", { rate: { calls: 100, perMs: 1000 } }, 0));
  const answers = [1, 2, 3, 4].map(() => quota.take("web1", PER_MINUTE, 0).granted);
  expect(answers).toEqual([true, true, true, false]);
});

test("without limits every call is granted, and nothing is left behind", () => {
  const quota = createQuota();
  const leases = Array.from({ length: 100 }, () => held(quota.take("web1", {}, 0)));
  expect(quota.size).toBe(1);
  for (const lease of leases) lease[Symbol.dispose]();
  expect(quota.size).toBe(0);
});

test("the number of keys is bounded: idle ones are forgotten, others never", () => {
  const quota = createQuota({ maxKeys: 3 });
  const running = held(quota.take("running", PER_MINUTE, 0));
  held(quota.take("spent", PER_MINUTE, 0))[Symbol.dispose]();
  held(quota.take("other", PER_MINUTE, 0))[Symbol.dispose]();
  expect(quota.take("fourth", PER_MINUTE, 1)).toMatchObject({ granted: false, cause: "keys" });
  expect(quota.take("fourth", PER_MINUTE, 20_000).granted).toBe(true);
  expect(quota.size).toBe(2);
  running[Symbol.dispose]();
  for (let key = 0; key < 1000; key++) quota.take(`flood ${key}`, { concurrency: 1 }, 20_000);
  expect(quota.size).toBe(3);
});

test("a lease outlives the limits it was granted under", () => {
  const quota = createQuota();
  const lease = held(quota.take("web1", PER_MINUTE, 0));
  expect(quota.take("web1", { concurrency: 1 }, 0)).toMatchObject({ cause: "concurrency" });
  lease[Symbol.dispose]();
  expect(quota.take("web1", { concurrency: 1 }, 0).granted).toBe(true);
});
