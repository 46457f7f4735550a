/** Random patterns and texts: the fast matcher agrees with one that tries every way. */
import { expect, test } from "bun:test";
import { parseGlob } from "../../src/policy/glob.ts";
import { chooseSeed, createRandom } from "../support/random.ts";

const SEED = chooseSeed();
const ROUNDS = 20_000;
const LONG = "a".repeat(40);
const PATTERN_PIECES = ["a", "b", "/", "/", "*", "**", "?", "\\*", "\\?", "\\é", "\\", "é", "😀", LONG];
const TEXT_PIECES = ["a", "b", "/", "/", "*", "?", "\\", "é", "😀", LONG];

/** Matches by the definition of a pattern. Takes far too long for long texts. */
function isMatch(pieces: readonly string[], text: readonly string[]): boolean {
  const [piece, ...rest] = pieces;
  const [character, ...others] = text;
  if (piece === undefined) return character === undefined;
  if (piece.startsWith("*")) {
    const takesOne = character !== undefined && (piece.length > 1 || character !== "/");
    return isMatch(rest, text) || (takesOne && isMatch(pieces, others));
  }
  if (character === undefined) return false;
  const fits = piece === "?" ? character !== "/" : character === piece.replace(/^\\(?=.)/su, "");
  return fits && isMatch(rest, others);
}

test("random patterns match exactly the random texts that their definition allows", () => {
  const random = createRandom(SEED);
  const draw = (pieces: readonly string[]): string =>
    Array.from({ length: random.below(9) }, () => random.pick(pieces)).join("");
  let matched = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const pattern = draw(PATTERN_PIECES);
    const text = draw(TEXT_PIECES);
    const expected = isMatch(pattern.match(/\\.|\*+|./gsu) ?? [], Array.from(text));
    if (expected) matched++;
    expect({ SEED, pattern, text, isMatch: parseGlob(pattern).matches(text) }).toEqual({
      SEED,
      pattern,
      text,
      isMatch: expected,
    });
  }
  expect(matched).toBeGreaterThan(50);
});
