/** What is known of the other side's language, from one state of the session to the next. */
import { expect, test } from "bun:test";
import { createDialectDetection } from "../../src/peers/dialect-detection.ts";
import type { SessionState } from "../../src/wire/session/session.ts";

const HISTORIES: [states: SessionState[], dialect: "native" | "legacy" | undefined][] = [
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

test.each(HISTORIES)("after %p it is %p", (states, dialect) => {
  const speech = createDialectDetection();
  for (const state of states) speech.onState(state);
  expect(speech.dialect).toBe(dialect);
});

test("who asks while it is in doubt waits for the next hello", async () => {
  const speech = createDialectDetection();
  speech.onState("foreign");
  await speech.heard(0);
  speech.doubt();
  expect(speech.dialect).toBeUndefined();
  let isHeard = false;
  const hearing = speech.heard(0).then(() => (isHeard = true));
  speech.onState("dialling");
  await Promise.resolve();
  expect(isHeard).toBe(false);
  speech.onState("open");
  await hearing;
});

test("who asks waits no longer than it said, and not for a conversation that has ended", async () => {
  const speech = createDialectDetection();
  expect(await speech.heard(1)).toBeUndefined();
  expect(await speech.heard(0, AbortSignal.abort())).toBeUndefined();
  const hearing = speech.heard(0);
  speech.release();
  expect(await hearing).toBeUndefined();
  speech.onState("ended");
  expect(await speech.heard(0)).toBeUndefined();
});

test("who waits is told what was heard, though it is in doubt again at once", async () => {
  const speech = createDialectDetection();
  const hearing = speech.heard(0);
  speech.onState("open");
  speech.onState("cut");
  expect(await hearing).toBe("native");
  expect(speech.dialect).toBeUndefined();
});
