/** Quantities for people: the texts on both sides of each change of unit. */
import { expect, test } from "bun:test";
import { formatAge, formatBytes, formatRoundTrip } from "../../../src/roles/cli/quantity.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

test.each([
  [-1, "0 s"],
  [0, "0 s"],
  [1499, "1 s"],
  [1500, "2 s"],
  [119_499, "119 s"],
  [119_500, "2 min"],
  [119 * MINUTE, "119 min"],
  [120 * MINUTE, "2 h"],
  [47 * HOUR, "47 h"],
  [48 * HOUR, "2 d"],
  [300 * HOUR, "13 d"],
])("an age of %d ms is %s", (ms, text) => {
  expect(formatAge(ms)).toBe(text);
});

test.each([
  [0, "0"],
  [1, "1"],
  [999, "999"],
  [1000, "1.0k"],
  [9949, "9.9k"],
  [9950, "10k"],
  [999_499, "999k"],
  [999_500, "1.0M"],
  [33_000_000, "33M"],
  [5_100_000_000, "5.1G"],
  [2e12, "2.0T"],
  [5e15, "5000T"],
])("%d bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0, "0.0 ms"],
  [9.94, "9.9 ms"],
  [9.95, "10 ms"],
  [999.4, "999 ms"],
  [999.5, "1.0 s"],
  [1500, "1.5 s"],
])("a round trip of %d ms is %s", (ms, text) => {
  expect(formatRoundTrip(ms)).toBe(text);
});
