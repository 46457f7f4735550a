/** The measure of a peer's values is near the length of their JSON. */
import { expect, test } from "bun:test";
import { countBytes } from "../../../src/wire/calls/json-bytes.ts";

test.each<[string, unknown]>([
  ["a long text", { text: "x".repeat(10_000) }],
  ["many short texts", { command: "x", args: Array.from({ length: 4000 }, () => "y") }],
  ["many members", Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`member${at}`, at]))],
  ["many empty lists", Array.from({ length: 1000 }, () => [])],
])("the measure of %s is between the length of its JSON and a fifth more", (_, value) => {
  const { length } = JSON.stringify(value);
  expect(countBytes(value)).toBeGreaterThanOrEqual(length);
  expect(countBytes(value)).toBeLessThanOrEqual(1.2 * length + 10);
});

test("nothing has no bytes, and null and numbers have some", () => {
  expect(countBytes(undefined)).toBe(0);
  expect(countBytes(null)).toBe(6);
  expect(countBytes(7)).toBe(6);
});
