/** A denying pattern finds the same in a list of texts as in each text, without regard to case. */
import { expect, test } from "bun:test";
import { parseLooseGlob } from "../../src/policy/loose-glob.ts";
import { listArguments } from "../../src/policy/text-list.ts";
import { chooseSeed, createRandom } from "../support/random.ts";

const SEED = chooseSeed();
const ROUNDS = 6000;
const PATTERN_PIECES = ["a", "B", "ab", "/", "*", "**", "?", "\\*", "\\?", "é", "ß", "İ"];
const TEXT_PIECES = ["a", "A", "b", "aB", "/", "*", "?", "É", "ss", "i\u0307", "="];
/** A list of 64 texts and more is looked at as a whole. */
const LIST_LENGTHS = [0, 1, 2, 63, 64, 70];

/** Matches by the definition of a pattern of characters that have no other case. */
function isMatch(pieces: readonly string[], text: readonly string[]): boolean {
  const [piece, ...rest] = pieces;
  const [character, ...others] = text;
  if (piece === undefined) return character === undefined;
  if (piece.startsWith("*"))
    return isMatch(rest, text) || (character !== undefined && isMatch(pieces, others));
  if (character === undefined) return false;
  return (piece === "?" || character === piece.replace(/^\\(?=.)/su, "")) && isMatch(rest, others);
}

test("a pattern of plain characters matches as its definition says", () => {
  const random = createRandom(SEED);
  const draw = (pieces: readonly string[], most: number): string =>
    Array.from({ length: random.below(most) }, () => random.pick(pieces)).join("");
  let matched = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const pattern = draw(["a", "b", "/", "*", "**", "?", "\\*"], 7);
    const text = draw(["a", "A", "b", "B", "/", "*"], 7);
    const expected = isMatch(pattern.match(/\\.|\*+|./gsu) ?? [], Array.from(text.toLowerCase()));
    if (expected) matched++;
    const found = parseLooseGlob(pattern).matches(text);
    expect({ SEED, pattern, text, found }).toEqual({ SEED, pattern, text, found: expected });
  }
  expect(matched).toBeGreaterThan(ROUNDS / 20);
});

test("a list has a match if one of its texts does, or the part of one before its first =", () => {
  const random = createRandom(SEED);
  const draw = (pieces: readonly string[], most: number): string =>
    Array.from({ length: random.below(most) }, () => random.pick(pieces)).join("");
  let matched = 0;
  for (let round = 0; round < ROUNDS; round++) {
    // Long lists have a match for most short patterns.
    const pattern = draw(PATTERN_PIECES, random.pick([2, 6, 10]));
    const texts = Array.from({ length: random.pick(LIST_LENGTHS) }, () => draw(TEXT_PIECES, 6));
    const glob = parseLooseGlob(pattern);
    const names = texts.filter((text) => text.includes("=")).map((text) => text.replace(/=.*/s, ""));
    const expected = [...texts, ...names].some((text) => glob.matches(text));
    if (expected) matched++;
    const found = glob.matchesSome(listArguments(texts));
    expect({ SEED, pattern, texts, found }).toEqual({ SEED, pattern, texts, found: expected });
  }
  expect(matched).toBeGreaterThan(ROUNDS / 20);
  expect(matched).toBeLessThan(ROUNDS - ROUNDS / 20);
});

test.each([
  ["a?b**c?d**e", "A1Byy/C2DzE"],
  ["a**c?d**e", "ac2de"],
  ["a?*?b*?c", "a12b3C"],
  ["STRASSE", "straße"],
  ["stra?e", "straße"],
  ["İ", "i\u0307"],
  ["?", "İ"],
])("the pattern %j fits %j, alone and in a list", (pattern, text) => {
  const glob = parseLooseGlob(pattern);
  expect([glob.source, glob.matches(text)]).toEqual([pattern, true]);
  for (const others of [[], Array.from({ length: 64 }, () => "zzz")]) {
    expect(glob.matchesSome(listArguments(["no", text, "", ...others]))).toBe(true);
    expect(glob.matchesSome(listArguments(["no", `${text}x`, `x${text}`, ...others]))).toBe(false);
  }
});
