/** Planting a fault, and its words in a list. */
import { expect, test } from "bun:test";
import { findPlace, findStale, formatFault, plant } from "../../../scripts/mutate/fault.ts";

const FAULT = { file: "src/x.ts", from: "b", to: "$&", why: "it hurts" };

test("a chosen fault replaces its text, which is taken as it is", () => {
  expect(plant("a\nb\nc", FAULT)).toBe("a\n$&\nc");
  expect(findPlace("a\n  b\nc", FAULT)).toEqual({ line: 2, source: "b" });
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

const LONG = "first();\n  second();\n  third();";

test.each([
  ["===", "!==", "src/x.ts:2, it hurts: === → !== in: if (a === b) c();"],
  ["await ", "", "src/x.ts:2, it hurts: without await in: if (a === b) c();"],
  [LONG, "{}", "src/x.ts:2, it hurts: without first(); second(); third();"],
  [LONG, "first();", "src/x.ts:2, it hurts: first(); second(); third(); → first();"],
])("the fault of %j to %j is shown on one line", (from, to, shown) => {
  const place = { line: 2, source: "if (a === b) c();" };
  expect(formatFault({ ...FAULT, from, to }, place)).toBe(shown);
});

test("a fault of a thousand letters is shown with less than 210", () => {
  const fault = { ...FAULT, from: "x".repeat(1000) };
  expect(formatFault(fault, { line: 1, source: "" }).length).toBeLessThan(210);
});

test("a fault whose file has changed, has gone, or would stay as it is, is stale", () => {
  const files = [{ path: "src/x.ts", text: "a b" }];
  const faults = [FAULT, { ...FAULT, from: "c" }, { ...FAULT, file: "src/y.ts" }, { ...FAULT, to: "b" }];
  expect(findStale(faults, files).map(({ problem }) => problem)).toEqual([
    'Cannot plant a fault in src/x.ts: there is no "c"',
    'Cannot plant a fault in src/y.ts: there is no "b"',
    'src/x.ts: "b" stays as it is',
  ]);
});
