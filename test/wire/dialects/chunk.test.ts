/** Pieces of a stream as text or base64: every byte comes back, and the line stays short. */
import { describe, expect, test } from "bun:test";
import { decodeChunk, encodeChunk } from "../../../src/wire/dialects/chunk.ts";
import { errorOf } from "../../support/error-of.ts";

const CHUNK = 32 * 1024;
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const mixed = (escapes: number): Uint8Array => encode("\u001b".repeat(escapes) + "x".repeat(1500 - escapes));
const lengthOf = (bytes: Uint8Array): number => JSON.stringify(encodeChunk(bytes)).length;

test.each([
  ["plain text", encode("a b"), "text"],
  ["nothing", encode(""), "text"],
  ["text outside of ASCII", encode("naïve ☃ 😀"), "text"],
  ["a byte order mark", encode("\ufeffa"), "text"],
  ["bytes that are no text", Uint8Array.of(0xff, 0xfe), "base64"],
  ["half of a character", encode("😀").subarray(0, 2), "base64"],
  ["NUL bytes", new Uint8Array(100), "base64"],
  ["colours of a terminal", encode("\u001b[1m\u001b[2m"), "base64"],
  ["a log", encode("12:00:01 guest web1 came up\n".repeat(10)), "text"],
])("%s travels as %s", (_, bytes, form) => {
  const members = encodeChunk(bytes);
  expect(decodeChunk(members)).toEqual(bytes);
  expect(Object.keys(members)).toEqual([form]);
});

test.each(["ok\n", "web1\nweb2\n", '{"a": "b"}\n', "uid=0(root)\n", '\n\t\r"\\'])(
  "%j travels as text",
  (text) => {
    expect(encodeChunk(encode(text))).toEqual({ text });
  },
);

test("control characters that JSON spells with six characters are few in a text", () => {
  expect(Object.keys(encodeChunk(mixed(100)))).toEqual(["text"]);
  expect(Object.keys(encodeChunk(mixed(101)))).toEqual(["base64"]);
});

describe("no piece makes a line", () => {
  test("much longer than base64 would, except for what people read", () => {
    for (const byte of [0, 1, 0x1b, 0x7f, 0x80, 0xff, 0x41])
      expect(lengthOf(new Uint8Array(CHUNK).fill(byte))).toBeLessThan(CHUNK * 1.4);
    for (const byte of [0x09, 0x0a, 0x22, 0x5c])
      expect(lengthOf(new Uint8Array(CHUNK).fill(byte))).toBeLessThan(CHUNK * 2.1);
  });

  test("that the shortest line a peer may ask for has no room for, with what is around it", () => {
    const worst = new Uint8Array(CHUNK).fill(0x0a).fill(0x1b, 0, Math.floor(CHUNK / 15));
    expect(Object.keys(encodeChunk(worst))).toEqual(["text"]);
    expect(lengthOf(worst)).toBeLessThan(128 * 1024 - 1000);
  });
});

describe("a piece is refused", () => {
  test.each([
    ["without bytes", {}],
    ["with two forms", { text: "", base64: "" }],
    ["with a wrong letter", { base64: "a*==" }],
    ["with a letter too many", { base64: "YWJjZ" }],
    ["with too much text", { text: "x".repeat(CHUNK + 1) }],
    ["with text that is long in bytes only", { text: "é".repeat(CHUNK / 2 + 1) }],
    ["with too much base64", { base64: new Uint8Array(CHUNK + 1).toBase64() }],
  ])("%s", (_, members) => expect(errorOf(() => decodeChunk(members)).code).toBe("BAD_FRAME"));

  test("not when it is just as long as allowed", () => {
    expect(decodeChunk({ text: "x".repeat(CHUNK) })).toHaveLength(CHUNK);
    expect(decodeChunk({ base64: new Uint8Array(CHUNK).toBase64() })).toHaveLength(CHUNK);
  });
});
