/** The quota for messages that need no answer: pauses, and what is reported. */
import { expect, test } from "bun:test";
import { createUnneededQuota } from "../../src/peers/unneeded-quota.ts";
import type { Unneeded } from "../../src/peers/unneeded-quota.ts";

function createScene() {
  const reports: string[] = [];
  const quota = createUnneededQuota((what) => void reports.push(what));
  /** Takes something, and returns the pause after it. */
  const take = (use: Partial<Unneeded>, nowMs: number): number => {
    const pauseMs = quota.take(use, nowMs);
    return Math.max(pauseMs, quota.pauseMs(nowMs));
  };
  return { reports, quota, take };
}

test("use that fits at once makes no pause and no report", () => {
  const { reports, quota, take } = createScene();
  expect(take({ messages: 20_000, bytes: 16 * 1024 * 1024, ms: 12 }, 0)).toBe(0);
  expect(quota.exceeded(0)).toBeUndefined();
  expect(reports).toEqual([]);
});

test.each([
  ["messages", { messages: 21_000 }, "more than 2000 messages a second that need no answer"],
  ["bytes", { bytes: 18 * 1024 * 1024 }, "more than 4194304 bytes a second of messages"],
  ["ms", { ms: 14.5 }, "messages that need no answer and take more than 5 ms of each second"],
  ["refused calls", { refusedMs: 62.5 }, "calls that are refused and take more than 25 ms of each second"],
] as const)("too much by %s makes a pause of half a second, and one report", (_, use, says) => {
  const { reports, quota, take } = createScene();
  expect(take(use, 0)).toBeCloseTo(500, 0);
  expect(reports).toEqual([expect.stringContaining(says)]);
  expect(quota.exceeded(0)).toContain(says);
  quota.take(use, 1000);
  expect(reports).toHaveLength(1);
});

test("no pause is longer than a second", () => {
  const { take } = createScene();
  expect(take({ ms: 10_000 }, 0)).toBe(1000);
});

test("a second gives back what the peer may use in it", () => {
  const { take } = createScene();
  expect(take({ ms: 12 }, 0)).toBe(0);
  expect(take({ ms: 5 }, 1000)).toBe(0);
  expect(take({ ms: 1 }, 1000)).toBe(200);
});

test("a peer that keeps its quota for a minute is not over it, and a later excess is reported again", () => {
  const { reports, quota } = createScene();
  quota.take({ ms: 21 }, 0);
  expect(quota.exceeded(60_000)).toBeDefined();
  expect(quota.exceeded(60_001)).toBeUndefined();
  quota.take({ ms: 21 }, 120_000);
  expect(reports).toHaveLength(2);
});

test("a pause for refused calls ends, and the peer is read in small pieces for three seconds", () => {
  const { quota, take } = createScene();
  expect(quota.isSlow(0)).toBe(false);
  expect(take({ refusedMs: 62.5 }, 1000)).toBeCloseTo(500, 0);
  expect(quota.pauseMs(1200)).toBeCloseTo(300, 0);
  expect(quota.pauseMs(1600)).toBe(0);
  expect(quota.isSlow(4000)).toBe(true);
  expect(quota.isSlow(4001)).toBe(false);
});

test("use of one kind makes no pause for an excess of another kind", () => {
  const { take } = createScene();
  expect(take({ refusedMs: 62.5 }, 0)).toBeCloseTo(500, 0);
  expect(take({ messages: 1 }, 600)).toBe(0);
});

test("a peer over its quota of messages is not read in small pieces", () => {
  const { quota, take } = createScene();
  expect(take({ ms: 14.5 }, 0)).toBeCloseTo(500, 0);
  expect(quota.isSlow(0)).toBe(false);
});

test("a pause for messages does not hold up the next channel, as after a cut that sends them again", () => {
  const { quota } = createScene();
  expect(quota.take({ ms: 14.5 }, 0)).toBeCloseTo(500, 0);
  expect(quota.pauseMs(0)).toBe(0);
});
