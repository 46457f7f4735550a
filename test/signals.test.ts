/** Names and numbers of signals. */
import { expect, test } from "bun:test";
import { signalName, signalNumber } from "../src/signals.ts";

test.each<[string, number | undefined]>([
  ["SIGHUP", 1],
  ["SIGTERM", 15],
  ["SIG1", 1],
  ["SIG34", 34],
  ["SIG64", 64],
  ["SIG65", undefined],
  ["SIG0", undefined],
  ["SIG01", undefined],
  ["SIG100", undefined],
  ["xSIG34", undefined],
  ["TERM", undefined],
  ["15", undefined],
  ["", undefined],
])("the number of %p is %p", (name, number) => {
  expect(signalNumber(name)).toBe(number);
});

test("a signal has its name, and a real-time one its number as the name", () => {
  expect([1, 9, 15, 34, 64].map(signalName)).toEqual(["SIGHUP", "SIGKILL", "SIGTERM", "SIG34", "SIG64"]);
});
