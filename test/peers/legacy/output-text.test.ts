/** Output in pieces: an old caller gets the same text, wherever the pieces are cut. */
import { expect, test } from "bun:test";
import { createOutputText } from "../../../src/peers/legacy/output-text.ts";
import type { OutputText } from "../../../src/peers/legacy/output-text.ts";
import { asciiJson } from "../../../src/wire/frames/length-prefixed.ts";
import { errorOf } from "../../support/error-of.ts";

function collect(...pieces: readonly Uint8Array[]): OutputText {
  const output = createOutputText();
  for (const piece of pieces) output.add(piece);
  output.end();
  return output;
}

/** The bytes whole, byte by byte, and in two pieces cut at every byte. */
function* cuts(bytes: Uint8Array): Generator<Uint8Array[]> {
  yield [bytes];
  yield Array.from(bytes, (byte) => Uint8Array.of(byte));
  for (let place = 1; place < bytes.length; place++) yield [bytes.subarray(0, place), bytes.subarray(place)];
}

const TEXTS = ["", "one", " \u3000 one \u3000\n", " a\nb \n", "\n\n", 'é☃😀\u2028\u007f\0"\\\b\f\r\t\ufeff'];

test.each(TEXTS)("the text %j has the bytes and the length of its JSON at every cut", (text) => {
  for (const pieces of cuts(Buffer.from(text))) {
    const { length, pieces: json } = collect(...pieces).toJson();
    const written = Buffer.concat([...json]).toString();
    expect({ written, length }).toEqual({ written: asciiJson(text).slice(1, -1), length: written.length });
  }
});

/** The text that is left after `strip`. */
function strip(pieces: readonly Uint8Array[], when: "always" | "single line"): string {
  const output = collect(...pieces);
  const isLeft = output.strip(when);
  const left = Buffer.concat([...output.toText()]).toString();
  expect(isLeft).toBe(left !== "");
  return left;
}

test.each(TEXTS)("the text %j is stripped alike at every cut", (text) => {
  for (const when of ["always", "single line"] as const) {
    const whole = strip([Buffer.from(text)], when);
    for (const pieces of cuts(Buffer.from(text))) expect(strip(pieces, when)).toBe(whole);
  }
});

test("bytes that are not UTF-8 are refused with their position at every cut, and replaced", () => {
  for (const pieces of cuts(Buffer.concat([Buffer.from("é\n☃"), Buffer.from([0xff, 0x21])]))) {
    const { message } = errorOf(() => collect(...pieces).check());
    expect(message).toEndWith("byte 0xff in position 6: invalid start byte");
    expect(Buffer.concat([...collect(...pieces).toText()]).toString()).toContain("\ufffd");
  }
  const long = [Buffer.alloc(100_000, "x"), Buffer.from([0xc3, 0x28])];
  expect(errorOf(() => collect(...long).check()).message).toEndWith(
    "byte 0xc3 in position 100000: invalid continuation byte",
  );
});
