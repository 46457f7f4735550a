/** Words for scripts: safe without quotes, and different for different texts. */
import { expect, test } from "bun:test";
import { safeWord } from "../../src/methods/safe-word.ts";

test.each(["web1", "a", "_x", "web-1.example_2", "A".repeat(200)])("%j stays as it is", (text) => {
  expect(safeWord(text)).toBe(text);
});

const CHANGED: [string, RegExp][] = [
  ["two words", /^two_words-/],
  ["../../etc/passwd", /^_._.._etc_passwd-/],
  [".hidden", /^_hidden-/],
  ["-rf", /^_rf-/],
  ["a\nb", /^a_b-/],
  ["$(id)`id`;|&*?[x]", /^__id__id_______x_-/],
  ["gr\u00fcn", /^gr_n-/],
  ["x".repeat(5000), /^x{167}-/],
];

test.each(CHANGED)("%j becomes a safe word of at most 200 characters", (text, start) => {
  const word = safeWord(text);
  expect(word).toMatch(start);
  expect(word).toMatch(/^[A-Za-z0-9_][A-Za-z0-9._-]*-[0-9a-f]{32}$/);
  expect(word.length).toBeLessThanOrEqual(200);
});

test("an empty text is a word too", () => {
  expect(safeWord("")).toBe("_");
});

test("texts that differ only in replaced characters have different words", () => {
  const texts = [
    "a b",
    "a/b",
    "a_b",
    "a\tb",
    "a.b",
    "a\u00e4b",
    ".a",
    "-a",
    "_a",
    "x".repeat(300),
    "x".repeat(301),
  ];
  expect(new Set(texts.map(safeWord)).size).toBe(texts.length);
});

test("a text that is written like the word of another one gets another word", () => {
  const word = safeWord("web 1");
  expect(safeWord(word)).not.toBe(word);
});
