/** Stream chunks as text or base64: every byte is decoded again, and the line stays short. */
import { describe, expect, test } from "bun:test";
import { decodeChunk, encodeChunk } from "../../../src/wire/dialects/chunk.ts";
import { errorOf } from "../../support/error-of.ts";

const CHUNK = 64 * 1024;
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const mixed = (escapes: number): Uint8Array => encode("\u001b".repeat(escapes) + "x".repeat(1500 - escapes));
const lengthOf = (bytes: Uint8Array): number => JSON.stringify(encodeChunk(bytes)).length;

test.each([
  ["plain text", "text", encode("a b")],
  ["no bytes", "text", encode("")],
  ["text outside of ASCII", "text", encode("naïve ☃ 😀")],
  ["text with a byte order mark", "text", encode("\ufeffa")],
  ["bytes that are not UTF-8", "base64", Uint8Array.of(0xff, 0xfe)],
  ["a part of a character", "base64", encode("😀").subarray(0, 2)],
  ["NUL bytes", "base64", new Uint8Array(100)],
  ["text with terminal colours", "base64", encode("\u001b[1m\u001b[2m")],
  ["a log", "text", encode("12:00:01 guest web1 came up\n".repeat(10))],
])("a chunk of %s is sent as %s", (_, form, bytes) => {
  const members = encodeChunk(bytes);
  expect(decodeChunk(members)).toEqual(bytes);
  expect(Object.keys(members)).toEqual([form]);
});

test.each(["ok\n", "web1\nweb2\n", '{"a": "b"}\n', "uid=0(root)\n", '\n\t\r"\\'])(
  "the chunk %j is sent as text",
  (text) => {
    expect(encodeChunk(encode(text))).toEqual({ text });
  },
);

test("a chunk of 1500 bytes is sent as text with 93 control characters, and as base64 with 94", () => {
  expect(Object.keys(encodeChunk(mixed(93)))).toEqual(["text"]);
  expect(Object.keys(encodeChunk(mixed(94)))).toEqual(["base64"]);
});

describe("the line of a chunk", () => {
  test("64 KiB of one byte take at most 1.4 times their size", () => {
    for (const byte of [0, 1, 0x1b, 0x7f, 0x80, 0xff, 0x41, 0x09, 0x0a, 0x22, 0x5c])
      expect(lengthOf(new Uint8Array(CHUNK).fill(byte))).toBeLessThan(CHUNK * 1.4);
  });

  test("the longest chunk fits into a line of 128 KiB with its envelope", () => {
    const forms = new Set<string>();
    for (let escapes = 0; escapes <= CHUNK; escapes += 1024) {
      const bytes = new Uint8Array(CHUNK).fill(0x41).fill(0x0a, 0, escapes);
      bytes.fill(0x1b, CHUNK - Math.floor(CHUNK / 16));
      forms.add(Object.keys(encodeChunk(bytes)).join(" "));
      expect(lengthOf(bytes)).toBeLessThan(128 * 1024 - 1000);
    }
    expect([...forms]).toEqual(["text", "base64"]);
  });
});

describe("an invalid chunk", () => {
  test.each([
    ["without text and base64", {}],
    ["with text and base64", { text: "", base64: "" }],
    ["with an invalid base64 character", { base64: "a*==" }],
    ["with incomplete base64", { base64: "YWJjZ" }],
    ["with base64 without its padding", { base64: "YQ" }],
    ["with half of its padding", { base64: "YQ=" }],
    ["with blanks in base64", { base64: "YQ== \n  " }],
    ["with bits that no byte has", { base64: "YR==" }],
    ["with the base64 of addresses", { base64: "__8=" }],
    ["with more than 64 KiB of text", { text: "x".repeat(CHUNK + 1) }],
    ["with text of more than 64 KiB in UTF-8", { text: "é".repeat(CHUNK / 2 + 1) }],
    ["with more than 64 KiB in base64", { base64: new Uint8Array(CHUNK + 1).toBase64() }],
  ])("a chunk %s throws BAD_FRAME", (_, members) =>
    expect(errorOf(() => decodeChunk(members)).code).toBe("BAD_FRAME"),
  );

  test("a chunk of exactly 64 KiB is decoded", () => {
    expect(decodeChunk({ text: "x".repeat(CHUNK) })).toHaveLength(CHUNK);
    expect(decodeChunk({ base64: new Uint8Array(CHUNK).toBase64() })).toHaveLength(CHUNK);
  });
});
