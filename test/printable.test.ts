/** Text from outside cannot control a terminal, forge a line or change the order of shown text. */
import { expect, test } from "bun:test";
import { printable, printableJson } from "../src/printable.ts";

/** After Unicode's tables: control characters, line and paragraph separators, bidirectional controls. */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;

test.each([
  ["plain text stays as it is", "plain text, accents é and 😀", "plain text, accents é and 😀"],
  ["an empty text stays empty", "", ""],
  ["line ends and tabs become \\n, \\r and \\t", "a\nb\r\tc", "a\\nb\\r\\tc"],
  ["C0 control characters become \\xNN", "\u001b[2J\u0007\u0000", "\\x1b[2J\\x07\\x00"],
  ["DEL and C1 control characters become \\xNN", "\u007f\u0080\u009b2J\u009f", "\\x7f\\x80\\x9b2J\\x9f"],
  ["bidirectional overrides become \\uNNNN", "\u202egpj.exe\u2066\u2069", "\\u202egpj.exe\\u2066\\u2069"],
  [
    "bidirectional marks and separators become \\uNNNN",
    "\u061c\u200e\u200f\u2028\u2029",
    "\\u061c\\u200e\\u200f\\u2028\\u2029",
  ],
  ["half a surrogate pair becomes U+FFFD", "half \ud83d a pair \ude00", "half \ufffd a pair \ufffd"],
])("%s", (_, text, shown) => {
  expect(printable(text)).toBe(shown);
});

test("of all UTF-16 units, exactly the unsafe ones and lone surrogates are changed", () => {
  const wrong = Array.from({ length: 0x10000 }, (_, unit) => String.fromCharCode(unit)).filter(
    (character) => {
      const isSafe = !UNSAFE.test(character) && character.isWellFormed();
      const shown = printable(character);
      return UNSAFE.test(shown) || (shown === character) !== (isSafe || character === "\ufffd");
    },
  );
  expect(wrong.map((character) => character.charCodeAt(0).toString(16))).toEqual([]);
});

test("printable text does not change when it is escaped again", () => {
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
