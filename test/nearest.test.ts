/** Guessing what was meant. */
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
])("%p among %p", (word, candidates, expected) => {
  expect(nearest(word, candidates)).toEqual(expected);
});

test("the nearest comes first, equals by name", () => {
  expect(nearest("backups", ["backsup", "backup", "backu", "bakups"])).toEqual([
    "backup",
    "bakups",
    "backsup",
  ]);
});

test("a word of any length costs little", () => {
  const huge = "a".repeat(1 << 20);
  expect(nearest(huge, [huge])).toEqual([]);
  expect(nearest("a".repeat(64), ["a".repeat(63), huge])).toEqual(["a".repeat(63)]);
});
