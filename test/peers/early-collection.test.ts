/** Garbage of peers is collected when the memory of the process has grown. */
import { expect, test } from "bun:test";
import { createEarlyCollection } from "../../src/peers/early-collection.ts";

const MB = 1_000_000;
const LOOK_BYTES = 1024 * 1024;
const LEAST_PAUSE_MS = 300;

function createProcess(...readings: number[]) {
  let nowMs = 0;
  const collected: boolean[] = [];
  const looks = [...readings];
  const collect = createEarlyCollection({
    readMemory: () => looks.shift() ?? 0,
    collect: (waits) => void collected.push(waits),
    now: () => nowMs,
  });
  const receive = (bytes: number): void => {
    nowMs += LEAST_PAUSE_MS;
    collect(bytes);
  };
  return { receive, collected, collections: () => collected.length, looks };
}

test("a process that takes little memory collects nothing", () => {
  const { receive, collections } = createProcess(60 * MB, 79 * MB);
  receive(LOOK_BYTES);
  receive(LOOK_BYTES);
  expect(collections()).toBe(0);
});

test("a process that has grown by 10 MB collects, also when that frees nothing", () => {
  const { receive, collections } = createProcess(
    100 * MB,
    100 * MB,
    109 * MB,
    111 * MB,
    95 * MB,
    106 * MB,
    90 * MB,
  );
  for (let look = 0; look < 4; look++) receive(LOOK_BYTES);
  expect(collections()).toBe(3);
});

test("the memory is looked at once in 1 MiB of received bytes", () => {
  const { receive, looks } = createProcess(1, 2, 3);
  for (let piece = 0; piece < 32; piece++) receive(LOOK_BYTES / 16);
  expect(looks).toEqual([3]);
});

test("a process waits for a collection only if its memory is near the goal", () => {
  const { receive, collected } = createProcess(100 * MB, 100 * MB, 116 * MB, 60 * MB, 100 * MB, 90 * MB);
  for (let look = 0; look < 3; look++) receive(LOOK_BYTES);
  expect(collected).toEqual([false, true, false]);
});

test.each([
  [5, 300],
  [20, 380],
])("a collection of %d ms is followed by a pause of %d ms, without looks at the memory", (ms, pauseMs) => {
  let nowMs = 0;
  let collections = 0;
  const receive = createEarlyCollection({
    readMemory: () => 200 * MB + collections * 20 * MB,
    collect: () => {
      collections++;
      nowMs += ms;
    },
    now: () => nowMs,
  });
  receive(LOOK_BYTES);
  expect(collections).toBe(1);
  collections = 2;
  nowMs = ms + pauseMs - 1;
  receive(LOOK_BYTES);
  expect(collections).toBe(2);
  nowMs = ms + pauseMs;
  receive(LOOK_BYTES);
  expect(collections).toBe(3);
});

test.each([
  [116, 3],
  [90, 1],
])("with %d MB used, 129 MiB of received bytes in one moment lead to %d collections", (usedMb, count) => {
  let collections = 0;
  let nowMs = 0;
  const collect = createEarlyCollection({
    readMemory: () => usedMb * MB + collections * 11 * MB,
    collect: () => {
      collections++;
      nowMs += 1;
    },
    now: () => nowMs,
  });
  for (let piece = 0; piece < 129; piece++) collect(LOOK_BYTES);
  expect(collections).toBe(count);
});
