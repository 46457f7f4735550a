/** JSON from a peer is parsed, or refused with BAD_FRAME or TOO_LARGE. */
import { describe, expect, test } from "bun:test";
import { LARGE_MESSAGE_BYTES, MESSAGE_MARKS, OBJECT_MEMBERS } from "../../src/limits.ts";
import { parseJsonObject } from "../../src/wire/json.ts";
import { errorOf } from "../support/error-of.ts";

const parse = (text: string): unknown => parseJsonObject(new TextEncoder().encode(text));
const nested = (depth: number): string => `{"a":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;

describe("valid objects", () => {
  test.each([
    [
      "the largest exact integers",
      '{"a":[9007199254740991,-9007199254740991]}',
      { a: [2 ** 53 - 1, 1 - 2 ** 53] },
    ],
    ["fractions", '{"a":0.1,"b":-1e-7}', { a: 0.1, b: -1e-7 }],
    ["pairs of surrogates", '{"\\ud83d\\ude00":"\\ud83d\\ude00"}', { "😀": "😀" }],
    ["repeated names, of which the last counts,", '{"a":1,"a":2}', { a: 2 }],
    ["blanks around it", ' \t{"a":null}\r\n', { a: null }],
  ])("an object with %s is parsed", (_, text, value) => expect(parse(text)).toEqual(value));

  test("an object with 32 levels is parsed to its innermost list", () => {
    const { a: outer } = Object(parse(nested(32)));
    let levels = 1;
    for (let list: unknown = outer; Array.isArray(list); list = list[0]) levels++;
    expect(levels).toBe(32);
  });

  test("__proto__ in an object is an ordinary member", () => {
    const object = parse('{"__proto__":{"a":1},"constructor":2}');
    expect(Object.getPrototypeOf(object)).toBe(Object.prototype);
    expect(Object.keys(Object(object))).toEqual(["__proto__", "constructor"]);
  });
});

describe("invalid objects", () => {
  test.each([
    ["an empty text", ""],
    ["a list", "[]"],
    ["a string", '"a"'],
    ["a number", "1"],
    ["null", "null"],
    ["two objects", "{}{}"],
    ["an object with a comma too many", '{"a":1,}'],
    ["an object with a comment", "{}//"],
    ["NaN", '{"a":NaN}'],
    ["a byte order mark", "\ufeff{}"],
    ["2^53", '{"a":9007199254740992}'],
    ["-2^53, deep inside", '{"a":[{"b":[-9007199254740992]}]}'],
    ["infinity", '{"a":1e999}'],
    ["half of a surrogate pair", '{"a":"x\\ud800y"}'],
    ["the other half of a surrogate pair", '{"a":["\\udc00"]}'],
    ["a surrogate pair in the wrong order", '{"a":"\\ude00\\ud83d"}'],
    ["half of a surrogate pair in a name", '{"\\ud800":1}'],
    ["33 levels", nested(33)],
    ["100,000 levels", nested(100_000)],
    ["100,000 levels without an end", `{"a":${"[".repeat(100_000)}`],
    ["50,000 objects in one another", '{"a":'.repeat(50_000)],
  ])("parsing %s throws BAD_FRAME", (_, text) => expect(errorOf(() => parse(text)).code).toBe("BAD_FRAME"));

  test.each([[[0xff]], [[0xc0, 0x80]], [[0xed, 0xa0, 0x80]], [[0xf4, 0x90, 0x80, 0x80]], [[0xe2, 0x82]]])(
    "parsing a string of the bytes %p throws BAD_FRAME",
    (inner) => {
      const bytes = Uint8Array.from([...Buffer.from('{"a":"'), ...inner, ...Buffer.from('"}')]);
      expect(errorOf(() => parseJsonObject(bytes)).code).toBe("BAD_FRAME");
    },
  );
});

describe("objects with too many values", () => {
  test.each([
    ["empty lists", `{"a":[${"[],".repeat(70_000)}[]]}`],
    ["numbers", `{"a":[${"1,".repeat(140_000)}1]}`],
    ["members", `{${'"":0,'.repeat(70_000)}"":0}`],
    ["one list in another", "[".repeat(140_000)],
    ["numbers, with invalid JSON after them", `{"a":[${"1,".repeat(140_000)}\ud800]`],
  ])("an object with too many values (%s) throws TOO_LARGE", (_, text) =>
    expect(errorOf(() => parse(text)).code).toBe("TOO_LARGE"),
  );

  test("commas, colons and brackets inside strings do not count as values", () => {
    const text = ',:{[\\"'.repeat(100_000);
    expect(parse(JSON.stringify({ a: text, [text]: 1 }))).toEqual({ a: text, [text]: 1 });
  });

  test.each([
    ["ends in an escaped backslash", "x".repeat(100) + "\\".repeat(7)],
    ["has escaped quotes behind backslashes", `${"x".repeat(100)}\\"\\\\"${",".repeat(70_000)}`],
    ["is short and ends in a backslash", "\\"],
    ["is as long as what is looked at byte by byte", "x".repeat(16)],
    ["has a backslash there", `${"x".repeat(15)}\\,${"x".repeat(20)}`],
    ["has an escaped quote there", `${"x".repeat(15)}"${",".repeat(70_000)}`],
  ])("the end of a string is found that %s", (_, text) => {
    const object = { a: text, b: "x".repeat(LARGE_MESSAGE_BYTES) };
    expect(parse(JSON.stringify(object))).toEqual(object);
    const values = Array.from({ length: MESSAGE_MARKS }, () => 0);
    expect(errorOf(() => parse(JSON.stringify({ a: text, values }))).code).toBe("TOO_LARGE");
  });

  test("an object has at most as many values as the caller says", () => {
    const text = `{"a":[${"0,".repeat(8189)}0]}`;
    expect(parseJsonObject(Buffer.from(text), 8192)).toEqual(JSON.parse(text));
    const { message } = errorOf(() => parseJsonObject(Buffer.from(text.replace("0", "[]")), 8192));
    expect(message).toBe("Message refused: more than 8192 values");
  });

  test("an object with exactly the most values is parsed, one with more throws TOO_LARGE", () => {
    const items = Array.from({ length: MESSAGE_MARKS - 2 }, () => 0);
    expect(parse(JSON.stringify({ a: items }))).toEqual({ a: items });
    expect(errorOf(() => parse(JSON.stringify({ a: [...items, 0, 0] }))).code).toBe("TOO_LARGE");
  });

  test("a long message may have 1024 members in each object, and one with 1025 throws TOO_LARGE", () => {
    const most = {
      a: objectOf(OBJECT_MEMBERS),
      b: [objectOf(OBJECT_MEMBERS), { c: objectOf(OBJECT_MEMBERS) }],
    };
    expect(JSON.stringify(most).length).toBeGreaterThan(LARGE_MESSAGE_BYTES);
    expect(parse(JSON.stringify(most))).toEqual(most);
    const { code, message } = errorOf(() =>
      parse(JSON.stringify({ ...most, d: objectOf(OBJECT_MEMBERS + 1) })),
    );
    expect({ code, message }).toEqual({
      code: "TOO_LARGE",
      message: "Message refused: more than 1024 members in one object",
    });
  });
});

function objectOf(members: number): object {
  return Object.fromEntries(Array.from({ length: members }, (_, at) => [`m${at}`, "x".repeat(40)]));
}
