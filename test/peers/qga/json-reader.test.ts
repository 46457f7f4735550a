/** JSON is read with exact integers, in both kinds of quotes, with errors that the clients know. */
import { expect, test } from "bun:test";
import { readExactJson } from "../../../src/peers/qga/json-reader.ts";
import { errorOf } from "../../support/error-of.ts";
import { chooseSeed, createRandom } from "../../support/random.ts";
import type { Random } from "../../support/random.ts";

const SEED = chooseSeed();
const read = (text: string): unknown => readExactJson(Buffer.from(text));

test.each<[string, unknown]>([
  ["0", 0n],
  ["-7", -7n],
  ["9223372036854775807", 9223372036854775807n],
  ["18446744073709551615", 18446744073709551615n],
  ["18446744073709551616", Number(18446744073709551616n)],
  ["-9223372036854775808", -9223372036854775808n],
  ["-9223372036854775809", Number(-9223372036854775809n)],
  ["123456789012345678901", Number(123456789012345678901n)],
  ["1.0", 1],
  ["1e2", 100],
  ["-2.5E-1", -0.25],
  ["true", true],
  ["false", false],
  ["null", null],
  [" \t\n\r[ ] ", []],
  ["{ }", {}],
  ["[1,[2],{}]", [1n, [2n], {}]],
  [`{"a":1,'b':{"c":[null]}}`, { a: 1n, b: { c: [null] } }],
  [`'it"s'`, 'it"s'],
  [`"it's"`, "it's"],
  [`""`, ""],
  [String.raw`"\"\\\/\b\f\n\r\t\'"`, "\"\\/\b\f\n\r\t'"],
  [String.raw`'a\'b'`, "a'b"],
  [String.raw`"a\\"`, "a\\"],
  [String.raw`"\u00e4\u00E4\ud83d\ude00"`, "ää😀"],
  [`"ä😀"`, "ä😀"],
  ["\ufeff1".slice(1), 1n],
])("the text %j is read", (text, expected) => {
  const value = read(text);
  expect(JSON.stringify(value, withBigInts)).toBe(JSON.stringify(expected, withBigInts) ?? "");
});

test.each<[string, string]>([
  ["", "expecting value"],
  ["  ", "expecting value"],
  ["}", "expecting value"],
  ["]", "expecting value"],
  [",", "expecting value"],
  [":", "expecting value"],
  ["-", "expecting value"],
  ["+1", "expecting value"],
  ["\ufeff1", "expecting value"],
  ["1 2", "more than one value"],
  ["{} x", "more than one value"],
  ["[1 2]", "expected separator in list"],
  ["[1", "expected separator in list"],
  ["[1,]", "expecting value"],
  ['{"a":1 "b":2}', "expected separator in dict"],
  ['{"a":1', "expected separator in dict"],
  ['{"a":1]', "expected separator in dict"],
  ['{"a":1,}', "expecting value"],
  ["{", "expecting value"],
  ["{:1}", "expecting value"],
  ["{1:2}", "key is not a string in object"],
  ["{a:2}", "key is not a string in object"],
  ['{"a" 1}', "missing : in object pair"],
  ['{"a":1,"a":2}', "duplicate key"],
  ['"a', "a string has no end"],
  [String.raw`"a\"`, "a string has no end"],
  [String.raw`"\x"`, "invalid escape sequence in string"],
  [String.raw`"\u00e"`, "invalid escape sequence in string"],
  [String.raw`"\ud83d"`, "\\ud83d is not a valid Unicode character"],
  [String.raw`"\ude00x"`, "\\ude00 is not a valid Unicode character"],
  ["nul", "invalid keyword 'nul'"],
  ["truefalse", "invalid keyword 'truefalse'"],
  ["a".repeat(41), `invalid keyword '${"a".repeat(40)}'`],
])("the text %j has the error %p", (text, reason) => {
  expect(errorOf(() => read(text))).toMatchObject({
    code: "BAD_FRAME",
    message: `JSON parse error, ${reason}`,
  });
});

test("bytes that are not UTF-8 have their error", () => {
  expect(errorOf(() => readExactJson(Buffer.from('"\xe4"', "latin1"))).message).toBe(
    "JSON parse error, invalid UTF-8 sequence in string",
  );
});

test("the name __proto__ is a member like any other", () => {
  const value = read('{"__proto__":1,"constructor":2}');
  expect(Object.getPrototypeOf(value)).toBeNull();
  expect(Object.entries(Object(value))).toEqual([
    ["__proto__", 1n],
    ["constructor", 2n],
  ]);
});

test("random values are read as the runtime reads them", () => {
  const random = createRandom(SEED);
  for (let round = 0; round < 2000; round++) {
    const value = drawValue(random, 3);
    const text = JSON.stringify(value, null, random.below(3));
    expect({ SEED, text, value: toPlain(read(text)) }).toEqual({ SEED, text, value });
  }
});

function drawValue(random: Random, depth: number): unknown {
  const kind = random.below(depth === 0 ? 4 : 6);
  const items = (): unknown[] => Array.from({ length: random.below(4) }, () => drawValue(random, depth - 1));
  if (kind === 0) return random.below(1000) - 500;
  if (kind === 1) return random.pick([true, false, null]);
  if (kind === 2) return (random.below(1000) - 500) / 8;
  if (kind === 3)
    return Array.from({ length: random.below(5) }, () =>
      random.pick(["a", '"', "\\", "'", "ä", "\n", " "]),
    ).join("");
  if (kind === 4) return items();
  return Object.fromEntries(items().map((item, index) => [`k"${index}`, item]));
}

/** Returns the value with numbers in the place of exact integers, and plain objects. */
function toPlain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(toPlain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, toPlain(inner)]));
}

function withBigInts(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}n` : value;
}
