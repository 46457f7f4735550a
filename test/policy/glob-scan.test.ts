/** Scans with short and long lists of tokens agree with a matcher that follows each start by itself. */
import { expect, test } from "bun:test";
import { createGlobScan, SEPARATORS } from "../../src/policy/glob-scan.ts";
import type { GlobToken } from "../../src/policy/glob-scan.ts";
import { chooseSeed, createRandom } from "../support/random.ts";
import type { Random } from "../support/random.ts";

const SEED = chooseSeed();
const ROUNDS = 3000;
const CHARACTERS = ["a", "a", "b", "/", "\0", "\x7f", "\x80", "é", "\uffff", "\u{10000}"];
/** From here on, the places need another word of 32 bits. */
const LENGTHS = [0, 1, 5, 30, 31, 32, 33, 63, 64, 65, 100];

const chance = (random: Random, percent: number): boolean => random.below(100) < percent;

function drawTokens(random: Random, length: number): GlobToken[] {
  return Array.from({ length }, () => {
    if (chance(random, 20)) return { kind: "run" };
    return chance(random, 20) ? { kind: "any" } : { kind: "literal", character: random.pick(CHARACTERS) };
  });
}

/** Returns a text that often matches: what each token may take, with few mistakes. */
function drawText(random: Random, tokens: readonly GlobToken[]): string {
  const some = (most: number): string[] =>
    Array.from({ length: random.below(most) }, () => random.pick(CHARACTERS));
  const middle = tokens.flatMap((token) => {
    if (token.kind === "run") return some(4);
    return token.kind === "any" || chance(random, 1) ? random.pick(CHARACTERS) : token.character;
  });
  return [...(chance(random, 50) ? some(4) : []), ...middle, ...(chance(random, 50) ? some(4) : [])].join("");
}

/** Returns the ends of all matches that begin at `start`, as places between characters. */
function endsFrom(
  tokens: readonly GlobToken[],
  characters: readonly string[],
  start: number,
  separator: string,
): Set<number> {
  let places = new Set([start]);
  for (const token of tokens) {
    const next = new Set<number>();
    for (const place of places) {
      if (token.kind === "run") {
        for (let end = place; ; end++) {
          next.add(end);
          if (end >= characters.length || characters[end] === separator) break;
        }
        continue;
      }
      const character = characters[place];
      if (character === undefined) continue;
      if (token.kind === "any" ? character !== separator : character === token.character) next.add(place + 1);
    }
    places = next;
  }
  return places;
}

test.each([
  ["slash", "/"],
  ["nul", "\0"],
  ["none", ""],
] as const)(
  "with the separator %s, ends of matches are found as their definition says",
  (name, separator) => {
    const random = createRandom(SEED);
    let matched = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const tokens = drawTokens(random, random.pick(LENGTHS));
      const text = drawText(random, tokens);
      const characters = Array.from(text);
      const firstPlace = Math.min(random.below(3), characters.length);
      const at = (place: number): number => characters.slice(0, place).join("").length;
      const isFloating = chance(random, 50);
      const starts = isFloating
        ? characters.keys().toArray().slice(firstPlace).concat(characters.length)
        : [firstPlace];
      const ends = starts.flatMap((start) => [...endsFrom(tokens, characters, start, separator)]);
      if (ends.length > 0) matched++;
      const scan = createGlobScan(tokens, SEPARATORS[name]);
      const [from, context] = [at(firstPlace), { SEED, tokens, text, firstPlace, isFloating }];
      expect({ ...context, end: scan.findEnd(text, from, isFloating) }).toEqual({
        ...context,
        end: ends.length === 0 ? -1 : at(Math.min(...ends)),
      });
      expect({ ...context, endsText: scan.endsText(text, from, isFloating) }).toEqual({
        ...context,
        endsText: ends.includes(characters.length),
      });
    }
    expect(matched).toBeGreaterThan(ROUNDS / 20);
  },
);
