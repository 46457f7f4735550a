/** The quota for messages that need no answer: pauses, and what is reported. */
import { expect, test } from "bun:test";
import { createUnneededQuota } from "../../src/peers/unneeded-quota.ts";

const NOTHING = { messages: 0, bytes: 0, ms: 0 };

function createScene() {
  const reports: string[] = [];
  return { reports, quota: createUnneededQuota((what) => void reports.push(what)) };
}

test("use that fits at once makes no pause and no report", () => {
  const { reports, quota } = createScene();
  expect(quota.take({ messages: 20_000, bytes: 16 * 1024 * 1024, ms: 12 }, 0)).toBe(0);
  expect(quota.exceeded(0)).toBeUndefined();
  expect(reports).toEqual([]);
});

test.each([
  ["messages", { ...NOTHING, messages: 21_000 }, "more than 2000 messages a second that need no answer"],
  ["bytes", { ...NOTHING, bytes: 18 * 1024 * 1024 }, "more than 4194304 bytes a second of messages"],
  ["ms", { ...NOTHING, ms: 14.5 }, "messages that need no answer and take more than 5 ms of each second"],
] as const)("too much by %s makes a pause of half a second, and one report", (_, use, says) => {
  const { reports, quota } = createScene();
  expect(quota.take(use, 0)).toBeCloseTo(500, 0);
  expect(reports).toEqual([expect.stringContaining(says)]);
  expect(quota.exceeded(0)).toContain(says);
  quota.take(use, 1000);
  expect(reports).toHaveLength(1);
});

test("no pause is longer than a second", () => {
  const { quota } = createScene();
  expect(quota.take({ ...NOTHING, ms: 10_000 }, 0)).toBe(1000);
});

test("a second gives back what the peer may use in it", () => {
  const { quota } = createScene();
  expect(quota.take({ ...NOTHING, ms: 12 }, 0)).toBe(0);
  expect(quota.take({ ...NOTHING, ms: 5 }, 1000)).toBe(0);
  expect(quota.take({ ...NOTHING, ms: 1 }, 1000)).toBe(200);
});

test("a peer that keeps its quota for a minute is not over it, and a later excess is reported again", () => {
  const { reports, quota } = createScene();
  quota.take({ ...NOTHING, ms: 21 }, 0);
  expect(quota.exceeded(60_000)).toBeDefined();
  expect(quota.exceeded(60_001)).toBeUndefined();
  quota.take({ ...NOTHING, ms: 21 }, 120_000);
  expect(reports).toHaveLength(2);
});
