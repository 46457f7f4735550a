/** JSON strings in pieces: every text is decoded whole, byte by byte, and cut at every byte. */
import { describe, expect, test } from "bun:test";
import { createJsonText } from "../../../src/peers/queued/json-text.ts";
import { errorOf } from "../../support/error-of.ts";

/** Decodes the pieces of a string without its opening quote. */
function decode(...pieces: readonly Uint8Array[]): { text: string; rest: string; isEnded: boolean } {
  const reader = createJsonText();
  const parts: Uint8Array[] = [];
  let isEnded = false;
  let rest = "";
  for (const piece of pieces) {
    if (isEnded) {
      rest += Buffer.from(piece).toString("latin1");
      continue;
    }
    const step = reader.push(piece);
    parts.push(step.text);
    ({ isEnded } = step);
    rest += Buffer.from(piece.subarray(step.taken)).toString("latin1");
  }
  return { text: Buffer.concat(parts).toString(), rest, isEnded };
}

/** The bytes whole, byte by byte, and in two pieces cut at every byte. */
function* cuts(bytes: Uint8Array): Generator<Uint8Array[]> {
  yield [bytes];
  yield Array.from(bytes, (byte) => Uint8Array.of(byte));
  for (let place = 1; place < bytes.length; place++) yield [bytes.subarray(0, place), bytes.subarray(place)];
}

const TEXTS: [string, string][] = [
  ['plain"', "plain"],
  ['"', ""],
  ['\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\/\b\f\n\r\t'],
  ['\\u0041\\u00e9\\u2603\\ud83d\\ude00\\uFFFF\\u0000"', "Aé☃😀\uffff\0"],
  ['é☃😀"', "é☃😀"],
  ['a\\u00e9é\\ud83d\\ude00😀"', "aéé😀😀"],
];

test.each(TEXTS)(
  "the JSON string %j is decoded as %j at every cut, and what follows is left",
  (json, text) => {
    for (const pieces of cuts(Buffer.from(`${json}, 1`)))
      expect(decode(...pieces)).toEqual({ text, rest: ", 1", isEnded: true });
  },
);

test("a string without its closing quote has not ended, and its text is there", () => {
  expect(decode(Buffer.from("begun"))).toEqual({ text: "begun", rest: "", isEnded: false });
});

describe("a string is refused", () => {
  const BAD: [string, Uint8Array][] = [
    ["for a line end", Buffer.from('a\nb"')],
    ["for a control character", Buffer.from('a\x01b"')],
    ["for an unknown escape", Buffer.from('\\x41"')],
    ["for hexadecimal digits that are not", Buffer.from('\\u00g0"')],
    ["for a high surrogate alone", Buffer.from('\\ud83dx"')],
    ["for a high surrogate before an escape", Buffer.from('\\ud83d\\n"')],
    ["for a high surrogate at its end", Buffer.from('\\ud83d"')],
    ["for two high surrogates", Buffer.from('\\ud83d\\ud83d"')],
    ["for a low surrogate alone", Buffer.from('\\ude00"')],
    ["for bytes that are not UTF-8", Buffer.from([0x61, 0xff, 0x22])],
    ["for half a character at its end", Buffer.from([0xe2, 0x98, 0x22])],
    ["for half a character before an escape", Buffer.from([0xe2, 0x98, 0x5c, 0x6e, 0x22])],
  ];
  test.each(BAD)("%s, at every cut", (_, bytes) => {
    for (const pieces of cuts(bytes)) expect(errorOf(() => decode(...pieces)).code).toBe("BAD_FRAME");
  });
});
