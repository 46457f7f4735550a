/** The end of a JSON value that arrives in pieces. */
import { expect, test } from "bun:test";
import { createJsonValue } from "../../../src/peers/queued/json-value.ts";

test.each([
  ["a number before a comma", "12", ', "b": 1}'],
  ["a number before the end of the object", "12", "}"],
  ["a text with a comma and a brace", '"a,}b"', ","],
  ["a text with an escaped quote", String.raw`"a\",b"`, "}"],
  ["a text that ends with an escaped backslash", String.raw`"a\\"`, ","],
  ["a list in a list", "[1, [2, 3], 4]", ","],
  ["an object in an object", '{"a": {"b": 1}, "c": 2}', "}"],
  ["a list with a brace in a text", '["}", "]"]', "}"],
  ["an empty list", "[]", "}"],
])("%s is found whole and in single bytes", (_, value, rest) => {
  const bytes = Buffer.from(value + rest);
  expect(createJsonValue().push(bytes)).toEqual({ taken: value.length, isEnded: true });
  const reader = createJsonValue();
  for (let index = 0; index < value.length; index++)
    expect(reader.push(bytes.subarray(index, index + 1))).toEqual({ taken: 1, isEnded: false });
  expect(reader.push(bytes.subarray(value.length))).toEqual({ taken: 0, isEnded: true });
});

test("no bytes end no value", () => {
  expect(createJsonValue().push(new Uint8Array(0))).toEqual({ taken: 0, isEnded: false });
});
