/** Bytes that have to be UTF-8: which are, and how others are shown. */
import { expect, test } from "bun:test";
import { decodeUtf8, showBytes } from "../../src/strict/utf8.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");

test.each([
  ["", ""],
  ["plain", "plain"],
  ["gr\xc3\xbcn", "grün"],
  ["\xef\xbf\xbd", "\ufffd"],
  ["\xef\xbb\xbfx", "\ufeffx"],
  ["\xf0\x9f\xa6\x80", "🦀"],
  ["\0", "\0"],
])("the UTF-8 bytes %j are the text %j, and shown as they are", (given, text) => {
  expect(decodeUtf8(bytes(given))).toBe(text);
  expect(showBytes(bytes(given))).toBe(text);
});

test.each([
  ["\xff", "\\xff"],
  ["\xc3", "\\xc3"],
  ["gr\xfcn", "gr\\xfcn"],
  ["\xc3\xbc\xc3", "ü\\xc3"],
  ["\xed\xa0\x80", "\\xed\\xa0\\x80"],
  ["\xc0\x80", "\\xc0\\x80"],
  ["\xf4\x90\x80\x80a", "\\xf4\\x90\\x80\\x80a"],
  ["\xf0\x9f\xa6", "\\xf0\\x9f\\xa6"],
  ["\xffgr\xc3\xbcn\xfe", "\\xffgrün\\xfe"],
])("the bytes %j are not text, and shown as %j", (given, shown) => {
  expect(decodeUtf8(bytes(given))).toBeUndefined();
  expect(showBytes(bytes(given))).toBe(shown);
});
