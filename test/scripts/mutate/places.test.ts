/** The places of a file where faults are drawn, and those that are left out. */
import { expect, test } from "bun:test";
import { findPlace, plant } from "../../../scripts/mutate/fault.ts";
import { findPlaces } from "../../../scripts/mutate/places.ts";

/** The faults of a text, each as its kind and the text with the fault. */
function faultsOf(text: string): string[] {
  return findPlaces("src/x.ts", text).map((fault) => `${fault.why}: ${plant(text, fault)}`);
}

test.each([
  ["if (a) b;", ["negated condition: if (!(a)) b;", "dropped statement: if (a) {}"]],
  ["while (a) b;", ["negated condition: while (!(a)) b;", "dropped statement: while (a) {}"]],
  ["const c = a ? b : d;", ["negated condition: const c = !(a) ? b : d;"]],
  ["const c = await a();", ["dropped await: const c = a();"]],
  ["await a();", ["dropped statement: {}", "dropped await: a();"]],
  ["const c = a < b;", ["off by one: const c = a <= b;"]],
  ["const c = a >= b;", ["off by one: const c = a > b;"]],
  [
    "const c = a ? -1 : 0;",
    ["negated condition: const c = !(a) ? -1 : 0;", "off by one: const c = a ? -1 : 1;"],
  ],
  ["const c = -1;", ["off by one: const c = -2;"]],
  ["const c = a[0];", ["off by one: const c = a[1];"]],
  ["const c = a.get(b) ?? 0;", ["off by one: const c = a.get(b) ?? 1;"]],
  ["const c = a + b;", ["swapped operator: const c = a - b;"]],
  ["const c = a && b;", ["swapped operator: const c = a || b;"]],
  ["const c = a /* === */ === b;", ["swapped operator: const c = a /* === */ !== b;"]],
  ["const c = a === (b);", ["swapped operator: const c = a !== (b);"]],
  ["const c = `$&` === b;", ["swapped operator: const c = `$&` !== b;"]],
])("the faults of %j are %j", (text, faults) => {
  expect(faultsOf(text)).toEqual(faults);
});

test.each([
  ["the text of an error", "throw new NegotiatorError('BUSY', `a ${b + c}` + d);"],
  ["a log line", "log.warn(a + b);"],
  ["a template", "const c = `${a + b}`;"],
  ["an import", 'import { a } from "b";'],
  ["types", "type A = B extends 1 ? 2 : 0; const a: A[0] = b;"],
  ["a larger number", "const a = 7;"],
  ["a time that has a name", "const FIRST_MS = 1;"],
  ["a size that has a name", "const leastBytes = 2;"],
  ["a comparison of times", "const a = b.startMs < c;"],
  ["a loop over values", "for (const a of b) {}"],
  ["a constant condition", "for (;;) {}"],
  ["a directive", '"use strict";'],
  ["the number that a list has at no place", "const c = a[b] ?? 0;"],
  ["a promise that is returned", "async function a() { return await b; }"],
  ["a timer that is cleared", "clearTimeout(a);"],
])("no fault is drawn in %s", (_, text) => {
  expect(faultsOf(text).filter((fault) => !fault.startsWith("dropped statement: {}"))).toEqual([]);
});

test("the faults stand in the order of the text, each with its line", () => {
  const text = "if (a) {\n  await b;\n}\nif (c) d();\n";
  const faults = findPlaces("src/x.ts", text);
  expect(faults.map((fault) => [fault.why, findPlace(text, fault).line])).toEqual([
    ["negated condition", 1],
    ["dropped statement", 2],
    ["dropped await", 2],
    ["negated condition", 4],
    ["dropped statement", 4],
  ]);
});

test("a file that cannot be parsed throws with its path", () => {
  expect(() => findPlaces("src/x.ts", "const = 1;")).toThrow("Cannot parse src/x.ts");
});
