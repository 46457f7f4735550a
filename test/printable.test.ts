/** Text from outside cannot control a terminal, forge a line or reorder the text on the screen. */
import { expect, test } from "bun:test";
import { printable, printableJson } from "../src/printable.ts";

/** By Unicode's tables: control characters, line and paragraph separators, marks of direction. */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;

test.each([
  ["plain text", "plain text, accents é and 😀", "plain text, accents é and 😀"],
  ["nothing", "", ""],
  ["line ends and tabs", "a\nb\r\tc", "a\\nb\\r\\tc"],
  ["C0", "\u001b[2J\u0007\u0000", "\\x1b[2J\\x07\\x00"],
  ["DEL and C1", "\u007f\u0080\u009b2J\u009f", "\\x7f\\x80\\x9b2J\\x9f"],
  ["bidirectional overrides", "\u202egpj.exe\u2066\u2069", "\\u202egpj.exe\\u2066\\u2069"],
  [
    "bidirectional marks and separators",
    "\u061c\u200e\u200f\u2028\u2029",
    "\\u061c\\u200e\\u200f\\u2028\\u2029",
  ],
  ["halves of pairs", "half \ud83d a pair \ude00", "half \ufffd a pair \ufffd"],
])("%s", (_, text, shown) => {
  expect(printable(text)).toBe(shown);
});

test("every unsafe character is escaped, and no other is changed", () => {
  const wrong = Array.from({ length: 0x10000 }, (_, unit) => String.fromCharCode(unit)).filter(
    (character) => {
      const isSafe = !UNSAFE.test(character) && character.isWellFormed();
      const shown = printable(character);
      return UNSAFE.test(shown) || (shown === character) !== (isSafe || character === "\ufffd");
    },
  );
  expect(wrong.map((character) => character.charCodeAt(0).toString(16))).toEqual([]);
});

test("printable text stays as it is", () => {
  const once = printable("\u001b]0;title\u0007\n\u202e\ud800\\x1b");
  expect(printable(once)).toBe(once);
});

test("printable JSON has no unsafe character and reads back the same", () => {
  const value = { "\u009b\u202e": ["\u0000\n\u007f\u0085\u061c\u2028", "é😀\\x9b", "\\u009b"] };
  const json = printableJson(JSON.stringify(value));
  expect(json).not.toMatch(UNSAFE);
  expect(json).toContain("é😀");
  expect(JSON.parse(json)).toEqual(value);
});
