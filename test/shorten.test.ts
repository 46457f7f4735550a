/** Text is cut to a length. */
import { expect, test } from "bun:test";
import { shorten } from "../src/shorten.ts";

test("text of the length stays, and longer text is cut there and gets a mark", () => {
  expect(shorten("abc", 3)).toBe("abc");
  expect(shorten("abcd", 3)).toBe("abc…");
  expect(shorten("", 0)).toBe("");
});

test("a cut inside a character leaves no half of it", () => {
  expect(shorten("ab😀", 3)).toBe("ab\u{FFFD}…");
});
