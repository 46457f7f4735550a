/** The gaps between long messages that nothing needed. */
import { expect, jest, test } from "bun:test";
import { createShare, receiveFairly } from "../../src/peers/fair-reader.ts";
import { createLongWork } from "../../src/peers/long-work.ts";
import type { LongWork } from "../../src/peers/long-work.ts";
import { LONG_BYTES, NOT_BEGUN } from "../../src/peers/unneeded-cost.ts";
import { createTraffic } from "../../src/wire/session/traffic.ts";
import { waitTurns } from "../support/event-loop.ts";
import { useFakeTimers } from "../support/fake-timers.ts";

const never = new AbortController().signal;

const begunWith = (bytes: number) => ({ ...NOT_BEGUN, bytes });

/** Gaps by a clock that stands still between two calls of `pass`. */
function createGaps() {
  let nowMs = 1000;
  const gaps = createLongWork(() => nowMs);
  const pass = async (ms: number): Promise<void> => {
    nowMs += ms;
    jest.advanceTimersByTime(ms);
    await waitTurns(5);
  };
  const begin = (bytes = LONG_BYTES, signal = never) => {
    const wait = { isOver: false };
    const waiting = gaps.waitForGap(begunWith(bytes), signal) ?? Promise.resolve();
    void waiting.then(() => (wait.isOver = true));
    return wait;
  };
  return { gaps, pass, begin };
}

test.each([
  [4, 8],
  [20, 40],
  [50, 100],
  [500, 100],
])("after %i ms in vain the next long message waits for %i ms", async (workMs, gapMs) => {
  using _ = useFakeTimers();
  const { gaps, pass, begin } = createGaps();
  gaps.count(workMs);
  const wait = begin();
  await pass(gapMs - 1);
  expect(wait.isOver).toBe(false);
  await pass(1);
  expect(wait.isOver).toBe(true);
});

test("a gap that begins while a message waits holds it up too", async () => {
  using _ = useFakeTimers();
  const { gaps, pass, begin } = createGaps();
  gaps.count(20);
  const wait = begin();
  await pass(30);
  gaps.count(20);
  await pass(39);
  expect(wait.isOver).toBe(false);
  await pass(1);
  expect(wait.isOver).toBe(true);
});

test("the pieces of a message wait for gaps for a second in all", async () => {
  using _ = useFakeTimers();
  const { gaps, pass } = createGaps();
  const begun = begunWith(LONG_BYTES);
  for (let piece = 0; piece < 10; piece++) {
    gaps.count(50);
    const waiting = gaps.waitForGap(begun, never);
    expect(waiting).toBeDefined();
    await pass(100);
    await waiting;
  }
  gaps.count(50);
  expect(gaps.waitForGap(begun, never)).toBeUndefined();
  expect(gaps.waitForGap(begunWith(LONG_BYTES), never)).toBeDefined();
});

test("work of less than 4 ms makes no gap, and a short message waits for none", () => {
  const { gaps } = createGaps();
  gaps.count(3.9);
  expect(gaps.waitForGap(begunWith(LONG_BYTES), never)).toBeUndefined();
  gaps.count(4);
  expect(gaps.waitForGap(begunWith(LONG_BYTES - 1), never)).toBeUndefined();
  expect(gaps.waitForGap(begunWith(LONG_BYTES), never)).toBeDefined();
});

test("a wait ends when its channel does", async () => {
  const { gaps, begin } = createGaps();
  const life = new AbortController();
  gaps.count(500);
  const wait = begin(LONG_BYTES, life.signal);
  life.abort();
  await waitTurns(5);
  expect(wait.isOver).toBe(true);
});

/** A peer whose every piece ends a message that nothing needs, and takes 20 ms. */
async function receiveInVain(longWork: LongWork, begunBytes: number): Promise<void> {
  const traffic = createTraffic();
  const session = {
    traffic,
    receive({ length }: Uint8Array) {
      traffic.messages++;
      traffic.unneeded++;
      traffic.unneededBytes += begunBytes + length;
    },
  };
  const share = { ...createShare(), longWork, begun: { ...NOT_BEGUN, bytes: begunBytes, ms: 20 } };
  await receiveFairly(session, new Uint8Array(1000), share, never);
}

test("a peer's long message in vain makes a gap, and its next long one waits for a gap", async () => {
  const seen: string[] = [];
  const longWork = {
    waitForGap: ({ bytes }: { bytes: number }) => void seen.push(`waits with ${bytes}`),
    count: (ms: number) => void seen.push(ms >= 20 ? "20 ms" : `${ms} ms`),
  };
  await receiveInVain(longWork, 2 * LONG_BYTES);
  expect(seen).toEqual([`waits with ${2 * LONG_BYTES}`, "20 ms"]);
});
