/** The three steps of a peer's timeout. */
import { expect, test } from "bun:test";
import { createLiveness } from "../../../src/wire/session/liveness.ts";
import type { Liveness, LivenessStep } from "../../../src/wire/session/liveness.ts";

const create = (): Liveness =>
  createLiveness({ pingAfterMs: 10_000, unresponsiveAfterMs: 30_000, abandonAfterMs: 120_000 });

/** Ticks every second, and returns each step with its time. */
function tickThrough(liveness: Liveness, fromMs: number, toMs: number): [LivenessStep, number][] {
  const steps: [LivenessStep, number][] = [];
  for (let nowMs = fromMs; nowMs <= toMs; nowMs += 1000) {
    const step = liveness.tick(nowMs);
    if (step !== "fine") steps.push([step, nowMs]);
  }
  return steps;
}

test("a peer that sends nothing reaches ping, unresponsive and timedOut once each", () => {
  const liveness = create();
  liveness.restart(0);
  expect(tickThrough(liveness, 0, 300_000)).toEqual([
    ["ping", 10_000],
    ["unresponsive", 30_000],
    ["timedOut", 120_000],
  ]);
});

test("the timeout of a peer that never sent anything starts with the first tick", () => {
  expect(tickThrough(create(), 50_000, 60_000)).toEqual([["ping", 60_000]]);
});

test("each message from the peer starts the timeout again", () => {
  const liveness = create();
  liveness.restart(0);
  expect(tickThrough(liveness, 0, 29_000)).toEqual([["ping", 10_000]]);
  liveness.restart(29_000);
  expect(tickThrough(liveness, 30_000, 38_000)).toEqual([]);
  expect(tickThrough(liveness, 39_000, 60_000)).toEqual([
    ["ping", 39_000],
    ["unresponsive", 59_000],
  ]);
});

test("an unresponsive peer is responsive again after a message", () => {
  const liveness = create();
  liveness.restart(0);
  tickThrough(liveness, 0, 29_000);
  expect(liveness.isResponsive).toBe(true);
  tickThrough(liveness, 30_000, 125_000);
  expect(liveness.isResponsive).toBe(false);
  liveness.restart(126_000);
  expect(liveness.isResponsive).toBe(true);
});

test("an hour between two ticks does not count against the peer", () => {
  const liveness = create();
  liveness.restart(0);
  expect(tickThrough(liveness, 0, 9000)).toEqual([]);
  expect(liveness.tick(3_609_000)).toBe("fine");
  expect(tickThrough(liveness, 3_610_000, 3_630_000)).toEqual([
    ["ping", 3_610_000],
    ["unresponsive", 3_630_000],
  ]);
});

test("a gap of 5 s between ticks counts against the peer, a longer gap does not", () => {
  const late = create();
  late.restart(0);
  late.tick(5000);
  expect(late.tick(10_000)).toBe("ping");
  const later = create();
  later.restart(0);
  later.tick(5000);
  expect(later.tick(10_001)).toBe("fine");
});

test("a long gap between ticks does not move the last message into the future", () => {
  const liveness = create();
  liveness.restart(0);
  liveness.tick(0);
  liveness.restart(99_000);
  expect(liveness.tick(100_000)).toBe("fine");
  expect(tickThrough(liveness, 101_000, 110_000)).toEqual([["ping", 110_000]]);
});
