/** Texts are cut by the bytes that they take in a line, where escapes are longer. */
import { expect, test } from "bun:test";
import { clipBytes, encodedBytes, startOf } from "../../src/audit/clip.ts";

test.each<[unknown, number]>([
  ["", 2],
  ["a", 3],
  ["é", 4],
  ["€", 5],
  ['"', 4],
  ["\n", 4],
  ["\u001b", 8],
  [["a", "b"], 9],
  [12, 2],
])("%j takes %i bytes of a line", (value, bytes) => {
  expect(encodedBytes(value)).toBe(bytes);
});

test.each([
  ["abc", 3, "abc"],
  ["abcd", 4, "abcd"],
  ["abcde", 4, "a…"],
  ["abcdef", 5, "ab…"],
  ["éé", 4, "éé"],
  ["ééé", 5, "é…"],
  ["\u001b\u001b", 12, "\u001b\u001b"],
  ["\u001b\u001b", 11, "\u001b…"],
  ["\u001b\u001b", 8, "…"],
  ["", 0, ""],
])("%j in %i bytes is %j", (text, bytes, clipped) => {
  expect(clipBytes(text, bytes)).toBe(clipped);
});

test.each([
  ["abc", 2, "ab"],
  ["abc", 0, ""],
  ["abc", 3, "abc"],
  ["a😀b", 4, "a"],
  ["a😀b", 5, "a😀"],
  ["a😀b", 6, "a😀b"],
  ['a"b', 2, "a"],
  ['a"b', 3, 'a"'],
])("the start of %j in %i bytes is %j", (text, bytes, start) => {
  expect(startOf(text, bytes)).toBe(start);
});
