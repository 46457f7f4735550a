/** Objects that begin a line, in bytes that may begin with anything. */
import { expect, test } from "bun:test";
import { createObjectFinder } from "../../../src/wire/frames/object-finder.ts";

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

/** Returns the objects in pieces: the text, after `#` if it is prefixed, or the code of the error. */
function findAll(pieces: readonly Uint8Array[], limitBytes = 100): string[] {
  const finder = createObjectFinder(limitBytes);
  const all: string[] = [];
  for (const piece of pieces)
    for (let found = finder.push(piece); found !== undefined; found = finder.push(found.rest))
      all.push("error" in found ? found.error.code : `${found.isPrefixed ? "#" : ""}${textOf(found.bytes)}`);
  return all;
}

const whole = (text: string): Uint8Array[] => [Buffer.from(text)];
const single = (text: string): Uint8Array[] => [...Buffer.from(text)].map((byte) => Uint8Array.of(byte));

test.each<[string, string, string[]]>([
  ["two objects in two lines", '{"a":1}\n{"b":2}\n', ['{"a":1}', '{"b":2}']],
  ["an object that does not begin its line", 'x{"a":1}\n{"b":2}', ['{"b":2}']],
  ["a second object in one line", '{"a":1}{"b":2}\n{"c":3}', ['{"a":1}', '{"c":3}']],
  ["objects and lists inside", '{"a":[{"b":[]}]}', ['{"a":[{"b":[]}]}']],
  ["braces and quotes in texts", String.raw`{"a":"}\"}","b":"\\"}`, [String.raw`{"a":"}\"}","b":"\\"}`]],
  ["a backslash outside of a text", String.raw`{\"a}"}`, [String.raw`{\"a}"}`]],
  ["a torn object before a whole one", '{"a":[{"\n{"b":2}', ['{"b":2}']],
  ["a length before an object", '7\n{"a":1}', ['#{"a":1}']],
  ["a length with blanks behind it", '7 \r\n{"a":1}', ['#{"a":1}']],
  ["a length behind a torn object", '{"a":7\n{"b":2}', ['#{"b":2}']],
  ["a line that ends with a letter", '7x\n{"a":1}', ['{"a":1}']],
  ["a length two lines before", '7\n\n{"a":1}', ['{"a":1}']],
])("%s: the objects are found, whole and in single bytes", (_, text, expected) => {
  expect(findAll(whole(text))).toEqual(expected);
  expect(findAll(single(text))).toEqual(expected);
});

test("an object of the limit is found, one byte more is TOO_LARGE, and the next line is read", () => {
  const text = '{"a":1}\n{"b":22}\n{"c":3}';
  const expected = ['{"a":1}', "TOO_LARGE", '{"c":3}'];
  expect(findAll(whole(text), 7)).toEqual(expected);
  expect(findAll(single(text), 7)).toEqual(expected);
});

test("after drop, the rest of a begun object is not an object, and a new one may begin at once", () => {
  const finder = createObjectFinder(100);
  expect(finder.push(Buffer.from('{"a":"'))).toBeUndefined();
  finder.drop();
  const found = finder.push(Buffer.from('{"b":2}x'));
  if (found === undefined || "error" in found) throw new Error("the object was not found");
  expect([textOf(found.bytes), textOf(found.rest)]).toEqual(['{"b":2}', "x"]);
});
