/** Guesses for mistyped words. */
import { expect, test } from "bun:test";
import { nearest } from "../src/nearest.ts";

test.each([
  ["uptmie", ["uptime", "other"], ["uptime"]],
  ["execut", ["execute", "list-commands"], ["execute"]],
  ["executee", ["execute"], ["execute"]],
  ["find-ip-address", ["find-ip-addresses", "find-disk-usage"], ["find-ip-addresses"]],
  ["ab", ["ba", "b", "ac", "aa", "zz"], ["aa", "ac", "b"]],
  ["usre", ["user"], ["user"]],
  ["status", ["status"], ["status"]],
  ["reboot", ["uptime", "df"], []],
  ["x", [], []],
  ["", ["a"], []],
])("the nearest of %p in %p are %p", (word, candidates, expected) => {
  expect(nearest(word, candidates)).toEqual(expected);
});

test("the nearest candidate comes first, and equally near ones are in alphabetical order", () => {
  expect(nearest("backups", ["backsup", "backup", "backu", "bakups"])).toEqual([
    "backup",
    "bakups",
    "backsup",
  ]);
});

test("words of more than 64 characters are ignored, as input and as candidates", () => {
  const huge = "a".repeat(1 << 20);
  expect(nearest(huge, [huge])).toEqual([]);
  expect(nearest("a".repeat(64), ["a".repeat(63), huge])).toEqual(["a".repeat(63)]);
});
