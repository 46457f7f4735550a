/** The limited log: how many lines of each key are written. */
import { expect, test } from "bun:test";
import { createLimitedLog } from "../../src/policy/limited-log.ts";
import { createQuota } from "../../src/policy/quota.ts";

const RATE = { calls: 2, perMs: 60_000 };

function createLog(clock = { nowMs: 0 }) {
  const lines: string[] = [];
  const options = { write: (line: string) => void lines.push(line), rate: RATE, now: () => clock.nowMs };
  return { lines, options, log: createLimitedLog(options) };
}

test("two lines a minute are written for each key, and the result says which", () => {
  const clock = { nowMs: 0 };
  const { log, lines } = createLog(clock);
  expect([log(["a"], "1"), log(["a"], "2"), log(["a"], "3"), log(["b"], "4")]).toEqual([
    true,
    true,
    false,
    true,
  ]);
  clock.nowMs += 30_000;
  log(["a"], "5");
  expect(lines).toEqual(["1", "2", "4", "5"]);
});

test("two limited logs with one quota do not limit each other if their keys differ", () => {
  const { options, lines } = createLog();
  const quota = createQuota();
  const [one, other] = [createLimitedLog({ ...options, quota }), createLimitedLog({ ...options, quota })];
  for (let line = 0; line < 5; line++) one(["one", "1"], "one");
  expect(other(["other", "1"], "other")).toBe(true);
  expect(other(["one", "1"], "other")).toBe(false);
  expect(lines).toEqual(["one", "one", "other"]);
});

test("keys beyond a thousand are not written, so that they cannot fill the log", () => {
  const { log, lines } = createLog();
  for (let key = 0; key < 5000; key++) log([key], "line");
  expect(lines).toHaveLength(1000);
});

test("keys whose time is over make room for others", () => {
  const clock = { nowMs: 0 };
  const { log } = createLog(clock);
  for (let key = 0; key < 1000; key++) log([key], "line");
  expect(log(["another"], "line")).toBe(false);
  clock.nowMs += RATE.perMs;
  expect(log(["another"], "line")).toBe(true);
});
