/** Parts of patterns agree with a matcher that follows each start by itself. */
import { expect, test } from "bun:test";
import { createGlobPart, createLoosePart } from "../../src/policy/glob-part.ts";
import { chooseSeed, createRandom } from "../support/random.ts";
import { drawSearch } from "./token-search.ts";

const SEED = chooseSeed();
const ROUNDS = 4000;

test.each([
  ["whose wildcards do not take slashes", createGlobPart, { separator: "/", kinds: ["any", "run"] as const }],
  ["without runs, whose wildcards take slashes", createLoosePart, { separator: "", kinds: ["any"] as const }],
  [
    "without runs, whose wildcards do not take slashes",
    createGlobPart,
    { separator: "/", kinds: ["any"] as const },
  ],
  ["without wildcards", createGlobPart, { separator: "/", kinds: [] }],
  ["without wildcards, which is matched without case", createLoosePart, { separator: "", kinds: [] }],
])("the ends of a part %s are found as their definition says", (_, createPart, how) => {
  const random = createRandom(SEED);
  let matched = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const search = drawSearch(random, how);
    const { tokens, text, from, isFloating } = search;
    const part = createPart(tokens);
    const found = {
      end: part.findEnd(text, from, isFloating),
      endsText: part.endsText(text, from, isFloating),
    };
    expect({ SEED, ...search, ...found }).toEqual({ SEED, ...search });
    if (search.end !== -1) matched++;
  }
  expect(matched).toBeGreaterThan(ROUNDS / 20);
});
