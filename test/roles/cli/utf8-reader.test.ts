/** Bytes read as UTF-8, whole and one byte at a time. The valid ranges are those of RFC 3629. */
import { describe, expect, test } from "bun:test";
import { createUtf8Reader } from "../../../src/roles/cli/utf8-reader.ts";

/** Names what a listener gets: ASCII, `c1 …`, texts of characters, `-` for invalid bytes. */
function read(bytes: readonly number[], step: number): string[] {
  const found: string[] = [];
  const reader = createUtf8Reader({
    ascii: (byte) => found.push(String.fromCharCode(byte)),
    c1: (code) => found.push(`c1 ${code.toString(16)}`),
    character: (character) => found.push(Buffer.from(character).toString()),
    invalid: () => found.push("-"),
  });
  for (let index = 0; index < bytes.length; index += step)
    reader.push(Uint8Array.from(bytes.slice(index, index + step)));
  reader.end();
  return found;
}

const CASES: [string, number[], string[]][] = [
  ["ASCII up to 0x7f", [0x00, 0x41, 0x7f], ["\0", "A", "\x7f"]],
  ["single bytes from 0x80 to 0x9f", [0x80, 0x9f], ["c1 80", "c1 9f"]],
  [
    "single bytes from 0xa0, long forms and bytes above 0xf4",
    [0xa0, 0xbf, 0xc0, 0xc1, 0xf5],
    ["-", "-", "-", "-", "-"],
  ],
  ["control characters of two bytes", [0xc2, 0x80, 0xc2, 0x9f], ["c1 80", "c1 9f"]],
  ["the first and the last character of two bytes", [0xc2, 0xa0, 0xdf, 0xbf], ["\u00a0", "\u07ff"]],
  ["another first byte than 0xc2 before 0x80", [0xc3, 0x80], ["À"]],
  [
    "the first and the last character of three bytes",
    [0xe0, 0xa0, 0x80, 0xef, 0xbf, 0xbf],
    ["\u0800", "\uffff"],
  ],
  ["a long form of three bytes", [0xe0, 0x9f, 0x41], ["-", "c1 9f", "A"]],
  ["a character before the surrogates", [0xed, 0x9f, 0xbf], ["\ud7ff"]],
  ["a surrogate", [0xed, 0xa0, 0x41], ["-", "-", "A"]],
  ["the first character of four bytes", [0xf0, 0x90, 0x80, 0x80], ["\u{10000}"]],
  ["a long form of four bytes", [0xf0, 0x8f, 0x41], ["-", "c1 8f", "A"]],
  ["the last character", [0xf4, 0x8f, 0xbf, 0xbf], ["\u{10ffff}"]],
  ["a code above the last character", [0xf4, 0x90, 0x41], ["-", "c1 90", "A"]],
  ["a character that another one cuts short", [0xe2, 0x82, 0x41, 0x42], ["-", "A", "B"]],
  ["a third byte out of its range", [0xe0, 0xa0, 0x7f], ["-", "\x7f"]],
  ["a second range that does not stay for the third byte", [0xed, 0x80, 0xbf], ["퀿"]],
  ["a character without its end", [0x41, 0xf0, 0x90, 0x80], ["A", "-"]],
  ["a character after an invalid one", [0xc2, 0xc2, 0xa9], ["-", "©"]],
];

describe.each([
  ["whole", 100],
  ["byte by byte", 1],
])("read %s", (_, step) => {
  test.each(CASES)("%s: the bytes %j give %j", (__, bytes, found) => {
    expect(read(bytes, step)).toEqual(found);
  });
});
