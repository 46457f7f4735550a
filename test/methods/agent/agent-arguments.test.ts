/** The arguments of a guest agent's commands: what is read, and the errors for what is not. */
import { expect, test } from "bun:test";
import {
  base64,
  either,
  flag,
  integer,
  listOf,
  members,
  optional,
  readArguments,
  text,
  word,
} from "../../../src/methods/agent/agent-arguments.ts";
import type { Arguments } from "../../../src/methods/agent/agent-arguments.ts";
import { errorOf } from "../../support/error-of.ts";

/** Returns the message about arguments that are refused. */
function refusal(given: Arguments, raw: Record<string, unknown>): string {
  const { code, message } = errorOf(() => readArguments(given, raw));
  expect(code).toBe("BAD_REQUEST");
  return message;
}

const MOST = 2n ** 63n - 1n;

test.each([0n, -1n, MOST, -(2n ** 63n)])("the integer %p is read", (value) => {
  expect(readArguments({ a: integer }, { a: value })).toEqual({ a: value });
});

test.each([[MOST + 1n], [-(2n ** 63n) - 1n], [1], ["1"], [null]])("%p is not an integer", (value) => {
  expect(refusal({ a: integer }, { a: value })).toBe("Invalid parameter type for 'a', expected: integer");
});

test("texts and flags have their own types", () => {
  expect(readArguments({ a: text, b: flag, c: flag }, { a: "", b: false, c: true })).toEqual({
    a: "",
    b: false,
    c: true,
  });
  expect(refusal({ a: text }, { a: true })).toBe("Invalid parameter type for 'a', expected: string");
  expect(refusal({ a: flag }, { a: "true" })).toBe("Invalid parameter type for 'a', expected: boolean");
});

test.each([
  ["", ""],
  ["YQ==", "a"],
  ["YWI=", "ab"],
  ["YWJj", "abc"],
  ["YWJjZA==", "abcd"],
])("the base64 %j is read as %j", (encoded, bytes) => {
  expect(Buffer.from(base64(encoded, "a")).toString()).toBe(bytes);
});

test.each(["YQ", "YQ=", "YWJ", "YW-j", "YW_j", "YW j", "YWJjYQ=", "Y==="])("%j is not base64", (encoded) => {
  expect(refusal({ a: base64 }, { a: encoded })).toBe("Base64 data contains invalid characters");
});

test("one of several words is read, and another one is refused with its name", () => {
  const mode = word("set", "end");
  expect([mode("set", "a"), mode("end", "a")]).toEqual(["set", "end"]);
  expect(refusal({ a: mode }, { a: "cur" })).toBe("Parameter 'a' does not accept value 'cur'");
});

test("a text takes the second type, and any other value the first one", () => {
  const read = either(integer, word("set"));
  expect([read(1n, "a"), read("set", "a")]).toEqual([1n, "set"]);
  expect(refusal({ a: read }, { a: true })).toBe("Invalid parameter type for 'a', expected: integer");
  expect(refusal({ a: read }, { a: "1" })).toBe("Parameter 'a' does not accept value '1'");
});

test("a list has its items in order, and an item that is refused has its place", () => {
  const read = listOf(integer);
  expect([read([], "a"), read([1n, 2n], "a")]).toEqual([[], [1n, 2n]]);
  expect(refusal({ a: read }, { a: [1n, "2"] })).toBe("Invalid parameter type for 'a[1]', expected: integer");
  expect(refusal({ a: read }, { a: { 0: 1n } })).toBe("Invalid parameter type for 'a', expected: array");
});

test("an object has its members, and a member that is refused has its path", () => {
  const read = members({ id: integer, on: optional(flag) });
  expect(readArguments({ id: integer, on: optional(flag) }, { id: 1n })).toEqual({ id: 1n, on: undefined });
  expect(read({ id: 1n, on: true }, "a")).toEqual({ id: 1n, on: true });
  expect(refusal({ a: read }, { a: { on: true } })).toBe("Parameter 'a.id' is missing");
  expect(refusal({ a: listOf(read) }, { a: [{ id: 1n, x: 1 }] })).toBe("Parameter 'a[0].x' is unexpected");
  expect(refusal({ a: read }, { a: [] })).toBe("Invalid parameter type for 'a', expected: object");
});

test("only an optional argument may be missing, and it must have its type if it is there", () => {
  expect(readArguments({ a: optional(text) }, {})).toEqual({ a: undefined });
  expect(refusal({ a: text }, {})).toBe("Parameter 'a' is missing");
  expect(refusal({ a: optional(text) }, { a: null })).toBe(
    "Invalid parameter type for 'a', expected: string",
  );
});

test("an argument that the command does not have is refused", () => {
  expect(readArguments({}, {})).toEqual({});
  expect(refusal({}, { a: 1 })).toBe("Parameter 'a' is unexpected");
  expect(refusal({ a: text }, { a: "", toString: 1 })).toBe("Parameter 'toString' is unexpected");
});
