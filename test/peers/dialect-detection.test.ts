/** The detected dialect of a peer, from one state of its session to the next. */
import { expect, test } from "bun:test";
import { createDialectDetection } from "../../src/peers/dialect-detection.ts";
import type { DialectDetection } from "../../src/peers/dialect-detection.ts";
import { LEGACY } from "../../src/peers/legacy/legacy.ts";
import type { SessionState } from "../../src/wire/session/session.ts";

const HISTORIES: [states: SessionState[], dialect: string | undefined][] = [
  [[], undefined],
  [["dialling"], undefined],
  [["dialling", "open"], "native"],
  [["dialling", "open", "cut"], undefined],
  [["dialling", "open", "idle"], undefined],
  [["dialling", "open", "cut", "dialling", "open"], "native"],
  [["dialling", "foreign"], "legacy"],
  [["dialling", "foreign", "cut", "dialling"], "legacy"],
  [["dialling", "foreign", "cut", "dialling", "open"], "native"],
  [["dialling", "open", "cut", "dialling", "foreign"], "legacy"],
];

const follow = (detection: DialectDetection, ...states: SessionState[]): void => {
  for (const state of states) detection.follow(state, LEGACY);
};

test.each(HISTORIES)("after the session states %p the detected dialect is %p", (states, dialect) => {
  const detection = createDialectDetection();
  follow(detection, ...states);
  expect(detection.dialect?.name).toBe(dialect);
});

test("a wait during a recheck resolves with the answer to the next hello", async () => {
  const detection = createDialectDetection();
  follow(detection, "foreign");
  await detection.wait(0);
  detection.recheck();
  expect(detection.dialect).toBeUndefined();
  let isDetected = false;
  const waiting = detection.wait(0).then(() => (isDetected = true));
  follow(detection, "dialling");
  await Promise.resolve();
  expect(isDetected).toBe(false);
  follow(detection, "open");
  await waiting;
});

test("a wait resolves to undefined after a timeout, an abort, a release or the session's end", async () => {
  const detection = createDialectDetection();
  expect(await detection.wait(1)).toBeUndefined();
  expect(await detection.wait(0, AbortSignal.abort())).toBeUndefined();
  const waiting = detection.wait(0);
  detection.release();
  expect(await waiting).toBeUndefined();
  follow(detection, "ended");
  expect(await detection.wait(0)).toBeUndefined();
});

test("a wait resolves to the detected dialect even if the session is cut right after", async () => {
  const detection = createDialectDetection();
  const waiting = detection.wait(0);
  follow(detection, "open", "cut");
  expect((await waiting)?.name).toBe("native");
  expect(detection.dialect).toBeUndefined();
});
