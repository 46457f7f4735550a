/** Scans with short and long lists of tokens agree with a matcher that follows each start by itself. */
import { expect, test } from "bun:test";
import { createGlobScan, SEPARATORS } from "../../src/policy/glob-scan.ts";
import { chooseSeed, createRandom } from "../support/random.ts";
import { drawSearch } from "./token-search.ts";

const SEED = chooseSeed();
const ROUNDS = 3000;

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
      const search = drawSearch(random, { separator, kinds: ["any", "run"] });
      const { tokens, text, from, isFloating } = search;
      const scan = createGlobScan(tokens, SEPARATORS[name]);
      const found = {
        end: scan.findEnd(text, from, isFloating),
        endsText: scan.endsText(text, from, isFloating),
      };
      expect({ SEED, ...search, ...found }).toEqual({ SEED, ...search });
      if (search.end !== -1) matched++;
    }
    expect(matched).toBeGreaterThan(ROUNDS / 20);
  },
);
