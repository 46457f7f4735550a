/** What a silence means. */
import { expect, test } from "bun:test";
import { createLiveness } from "../../../src/wire/session/liveness.ts";
import type { Liveness, LivenessStep } from "../../../src/wire/session/liveness.ts";

const create = (): Liveness =>
  createLiveness({ pingAfterMs: 10_000, unresponsiveAfterMs: 30_000, abandonAfterMs: 120_000 });

/** Ticks every second; what was told, and when. */
function listen(liveness: Liveness, fromMs: number, toMs: number): [LivenessStep, number][] {
  const told: [LivenessStep, number][] = [];
  for (let nowMs = fromMs; nowMs <= toMs; nowMs += 1000) {
    const silence = liveness.tick(nowMs);
    if (silence !== "fine") told.push([silence, nowMs]);
  }
  return told;
}

test("a silence is told in three steps, each once", () => {
  const liveness = create();
  liveness.restart(0);
  expect(listen(liveness, 0, 300_000)).toEqual([
    ["ping", 10_000],
    ["unresponsive", 30_000],
    ["timedOut", 120_000],
  ]);
});

test("it begins with the first tick when nothing was ever heard", () => {
  expect(listen(create(), 50_000, 60_000)).toEqual([["ping", 60_000]]);
});

test("each word from the peer begins it anew", () => {
  const liveness = create();
  liveness.restart(0);
  expect(listen(liveness, 0, 29_000)).toEqual([["ping", 10_000]]);
  liveness.restart(29_000);
  expect(listen(liveness, 30_000, 38_000)).toEqual([]);
  expect(listen(liveness, 39_000, 60_000)).toEqual([
    ["ping", 39_000],
    ["unresponsive", 59_000],
  ]);
});

test("a peer is unresponsive until it is heard", () => {
  const liveness = create();
  liveness.restart(0);
  listen(liveness, 0, 29_000);
  expect(liveness.isResponsive).toBe(true);
  listen(liveness, 30_000, 125_000);
  expect(liveness.isResponsive).toBe(false);
  liveness.restart(126_000);
  expect(liveness.isResponsive).toBe(true);
});

test("time in which this side stood still is not the peer's silence", () => {
  const liveness = create();
  liveness.restart(0);
  expect(listen(liveness, 0, 9000)).toEqual([]);
  expect(liveness.tick(3_609_000)).toBe("fine");
  expect(listen(liveness, 3_610_000, 3_630_000)).toEqual([
    ["ping", 3_610_000],
    ["unresponsive", 3_630_000],
  ]);
});

test("a tick that is 5 s late still counts, a later one does not", () => {
  const late = create();
  late.restart(0);
  late.tick(5000);
  expect(late.tick(10_000)).toBe("ping");
  const later = create();
  later.restart(0);
  later.tick(5000);
  expect(later.tick(10_001)).toBe("fine");
});

test("a standstill cannot move what was heard into the future", () => {
  const liveness = create();
  liveness.restart(0);
  liveness.tick(0);
  liveness.restart(99_000);
  expect(liveness.tick(100_000)).toBe("fine");
  expect(listen(liveness, 101_000, 110_000)).toEqual([["ping", 110_000]]);
});
