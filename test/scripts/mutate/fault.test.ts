/** Planting a fault, and its words in a list. */
import { expect, test } from "bun:test";
import { formatChange, lineOf, plant } from "../../../scripts/mutate/fault.ts";

const FAULT = { file: "src/x.ts", from: "b", to: "$&", why: "it hurts" };

test("a chosen fault replaces its text, which is taken as it is", () => {
  expect(plant("a\nb\nc", FAULT)).toBe("a\n$&\nc");
  expect(lineOf("a\nb\nc", FAULT)).toBe(2);
});

test("a drawn fault replaces the text at its offset", () => {
  expect(plant("b b b", { ...FAULT, at: 2 })).toBe("b $& b");
});

test.each([
  ["a c", undefined, 'there is no "b"'],
  ["b b", undefined, '"b" is there twice'],
  ["a c", 0, 'at 0 there is another text than "b"'],
])("planting in %j at %p throws and names the file", (text, at, says) => {
  const fault = at === undefined ? FAULT : { ...FAULT, at };
  expect(() => plant(text, fault)).toThrow(`Cannot plant a fault in src/x.ts: ${says}`);
});

test.each([
  ["a\n  b", "c", '"a b" → "c"'],
  ["await a;", "", 'without "await a;"'],
  ["a();", ";", 'without "a();"'],
  ["x".repeat(30), "y", `"${"x".repeat(18)}…`],
])("the change of %j to %j is shown as %s", (from, to, shown) => {
  expect(formatChange({ ...FAULT, from, to }, 20)).toBe(shown);
});
