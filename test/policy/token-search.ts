/** Random tokens of patterns, texts that often match them, and a matcher that follows each start. */
import type { GlobToken } from "../../src/policy/glob-scan.ts";
import type { Random } from "../support/random.ts";

/** A search for tokens in a text, with the ends of matches that it has to find. */
export type TokenSearch = {
  tokens: readonly GlobToken[];
  text: string;
  /** Where a match begins; with `isFloating` there or later. */
  from: number;
  isFloating: boolean;
  /** The earliest end of a match; -1 if there is none. */
  end: number;
  /** Whether a match ends with the text. */
  endsText: boolean;
};

const CHARACTERS = ["a", "a", "b", "/", "\0", "\x7f", "\x80", "é", "\uffff", "\u{10000}"];
/** Around multiples of 32, the bits of places need another word. */
const LENGTHS = [0, 1, 5, 30, 31, 32, 33, 63, 64, 65, 100];

const chance = (random: Random, percent: number): boolean => random.below(100) < percent;

function drawTokens(random: Random, length: number, kinds: readonly ("any" | "run")[]): GlobToken[] {
  // Tokens of one kind only are searched for in another way.
  const wild = random.pick([0, 10, 40]);
  return Array.from({ length }, () =>
    kinds.length > 0 && chance(random, wild)
      ? { kind: random.pick(kinds) }
      : { kind: "literal", character: random.pick(CHARACTERS) },
  );
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

/** Draws a search. `kinds`: those of its tokens besides literal characters. */
export function drawSearch(
  random: Random,
  { separator, kinds }: { separator: string; kinds: readonly ("any" | "run")[] },
): TokenSearch {
  const tokens = drawTokens(random, random.pick(LENGTHS), kinds);
  const text = drawText(random, tokens);
  const characters = Array.from(text);
  const first = Math.min(random.below(3), characters.length);
  const at = (place: number): number => characters.slice(0, place).join("").length;
  const isFloating = chance(random, 50);
  const starts = Array.from(
    { length: isFloating ? characters.length - first + 1 : 1 },
    (_, more) => first + more,
  );
  const ends = starts.flatMap((start) => [...endsFrom(tokens, characters, start, separator)]);
  const end = ends.length === 0 ? -1 : at(Math.min(...ends));
  return { tokens, text, from: at(first), isFloating, end, endsText: ends.includes(characters.length) };
}
