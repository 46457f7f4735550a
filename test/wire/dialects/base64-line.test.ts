/** The line of a chunk in base64 is read by hand exactly as the parser reads it. */
import { expect, test } from "bun:test";
import { readBase64Line } from "../../../src/wire/dialects/chunk-header.ts";
import { native } from "../../../src/wire/dialects/native.ts";
import { parseJsonObject } from "../../../src/wire/json.ts";
import type { Message } from "../../../src/wire/message.ts";

const CHUNK = { kind: "data", seq: 12, call: 'a"b\\c', stream: "out-1", offset: 7 } as const;

/** Not UTF-8, so that it travels as base64. */
function binary(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index === 0 ? 0xff : (index * 31) & 0xff));
}

function lineOf(bytes: Uint8Array, call: string = "id"): string {
  return Buffer.from(native.encode({ ...CHUNK, call, bytes })).toString();
}

test("a chunk in base64 is the same with and without the JSON parser", () => {
  for (const length of [200, 299, 300, 301, 302, 4096, 65_535, 65_536]) {
    const bytes = binary(length);
    const line = Buffer.from(lineOf(bytes)).subarray(0, -1);
    const expected: Message = { ...CHUNK, call: "id", bytes };
    expect(native.decode(parseJsonObject(line))).toEqual(expected);
    const read: unknown = readBase64Line(line);
    expect(read).toEqual(line.length > 300 ? expected : undefined);
  }
});

test("a call id with escapes is written as JSON", () => {
  const line = Buffer.from(lineOf(binary(500), CHUNK.call)).subarray(0, -1);
  expect(native.decode(parseJsonObject(line))).toEqual({ ...CHUNK, bytes: binary(500) });
});

const LINE = lineOf(binary(500)).trimEnd();

/** The character after this one. In base64 it sets the lowest bit, which no byte holds. */
function next(character: string): string {
  return String.fromCharCode(character.charCodeAt(0) + 1);
}

test.each([
  ["a number that begins with 0", LINE.replace('"seq":12', '"seq":012')],
  ["the number 0", LINE.replace('"seq":12', '"seq":0')],
  ["no number", LINE.replace('"seq":12,', "")],
  ["an offset that begins with 0", LINE.replace('"offset":7', '"offset":07')],
  ["one more member", LINE.replace('"}}', '","more":"x"}}')],
  ["a second object", `${LINE}{"a":"b"}}`],
  ["no end", LINE.slice(0, -1)],
  ["a tab in the text", LINE.replace("AB", "A\tB").replace('"}}', '\t"}}')],
  ["a blank in the text", LINE.replace('"}}', ' "}}')],
  ["no padding", LINE.replace('="}}', '"}}')],
  ["bits after the last byte", LINE.replace(/.(?==")/, next)],
  ["an escape", LINE.replace('"base64":"', String.raw`"base64":"\/`)],
  ["a byte that is not ASCII", LINE.replace('"}}', 'é"}}')],
  ["another method", LINE.replace("stream.data", "stream.date")],
])("a line with %s is left to the JSON parser", (_, line) => {
  expect(line).not.toBe(LINE);
  expect(readBase64Line(Buffer.from(line))).toBeUndefined();
});

test("a chunk over the limit is left to the JSON parser", () => {
  const base64 = binary(65_537).toBase64();
  const line = LINE.replace(/"base64":"[^"]*"/, `"base64":"${base64}"`);
  expect(readBase64Line(Buffer.from(line))).toBeUndefined();
});
