/** The framer finds the next frame behind every tear, keeps to its limits, and does linear work. */
import { describe, expect, test } from "bun:test";
import { createFramer } from "../../../src/wire/frames/framing.ts";
import { bodyOf, findLost, frame, FRESH, hello, TORN, WHOLE } from "./torn-frames.ts";

const LIMITS = { lineBytes: 4000, lengthPrefixedBytes: 8000 };
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
/** A line of so many bytes. */
const line = (length: number): string => `{"${"x".repeat(length - 4)}"}`;
const join = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

const torn = Object.entries(TORN);
const fresh = Object.entries(FRESH);

describe("behind the torn start of a frame", () => {
  const pairs = torn.flatMap(([head, bytes]) =>
    fresh
      .filter(([next]) => next !== "hello answer" || head.startsWith("native"))
      .map(([next, frameBytes]) => [head, next, bytes, frameBytes] as const),
  );
  test.each(pairs)("%s, a %s comes out", (_head, _next, bytes, next) => {
    expect(findLost(bytes, "start", next)).toEqual([]);
  });
});

describe("behind the torn end of a frame", () => {
  const pairs = torn.flatMap(([tail, bytes]) =>
    fresh.map(([next, frameBytes]) => [tail, next, bytes, frameBytes] as const),
  );
  test.each(pairs)("%s, a %s comes out", (_tail, _next, bytes, next) => {
    expect(findLost(bytes, "end", next)).toEqual([]);
  });
});

describe("each rule, with the input that it is for", () => {
  const CALL = '{"method": "m"}';
  const rows: readonly [rule: string, input: string, found: readonly string[]][] = [
    ["a line", `${CALL}\n`, [CALL]],
    ["a line with CR, and blank lines around it", `\n \r\n${CALL}\r\n\n`, [CALL]],
    ["a counted object", `15\n${CALL}`, [CALL]],
    ["blanks between a count and its object", `15\n\n \t${CALL}`, [CALL]],
    ["blanks and zeros around a count", ` 0015 \r\n${CALL}`, [CALL]],
    ["an object shorter than its count ends at its brace", `900\n${CALL}${CALL}\n`, [CALL, CALL]],
    ["an object longer than its count is dropped", `3\n${CALL}\n${CALL}\n`, ["BAD_FRAME", CALL]],
    ["an object one byte longer than its count", `14\n${CALL}${CALL}\n`, ["BAD_FRAME", CALL]],
    ["a torn number with no frame behind it", '{"a":1\nhello\n', ["BAD_FRAME", "hello"]],
    ["a count of nothing", `0\n${CALL}${CALL}\n`, ["BAD_FRAME", CALL]],
    ["a count without an object", "5\nhello\n", ["BAD_FRAME", "hello"]],
    ["a count behind a count", `7\n15\n${CALL}`, ["BAD_FRAME", CALL]],
    ["a count glued to the end of a torn line", `{"jsonrpc":"2.0","seq":1215\n${CALL}`, ["BAD_FRAME", CALL]],
    ["a count glued to a torn string", `{"text":"a15\n${CALL}`, ["BAD_FRAME", CALL]],
    ["a count glued to a torn count", `1215\n${CALL}`, [CALL]],
    ["a count glued to a torn count that is now too small", `00\n15\n${CALL}`, ["BAD_FRAME", CALL]],
    ["a frame inside of a string of a counted object", `99\n{"a": "x15\n${CALL}`, ["BAD_FRAME", CALL]],
    ["a frame behind an escape in a string", `99\n{"a": "x\\15\n${CALL}`, ["BAD_FRAME", CALL]],
    ["a frame where a value should be", `99\n{"a": 15\n${CALL}`, ["BAD_FRAME", CALL]],
    ["a frame where a name should be", `99\n{"a": 1, 15\n\n${CALL}`, ["BAD_FRAME", CALL]],
    ["a frame behind a list", `99\n{"a": [1, [2]15\n${CALL}`, ["BAD_FRAME", CALL]],
    ["a line behind a string that was cut off", `99\n{"a": "x\n${CALL}\n`, ["BAD_FRAME", CALL]],
    ["a number, a line end and a comma are JSON", `99\n{"a": 15\n, "b": {}}`, ['{"a": 15\n, "b": {}}']],
    ["digits and braces in strings mean nothing", '99\n{"a": "15 }]{["}', ['{"a": "15 }]{["}']],
    ["an escaped quote does not end a string", '99\n{"a": "\\"}\\\\"}', ['{"a": "\\"}\\\\"}']],
    ["a list where an object should be", "3\n[1]\n", ["BAD_FRAME", "[1]"]],
  ];
  for (const pieceBytes of [1, 7, WHOLE]) {
    test.each(rows)(`%s, in pieces of ${pieceBytes}`, (_rule, input, found) => {
      expect(frame(createFramer(LIMITS), encode(input), pieceBytes)).toEqual([...found]);
    });
  }
});

describe("the limits", () => {
  const SMALL = { lineBytes: 100, lengthPrefixedBytes: 200 };
  const CALL = '{"method": "m"}';
  const rows: readonly [name: string, input: string, found: readonly string[]][] = [
    ["a line as long as allowed", `${line(100)}\n`, [line(100)]],
    ["a line one byte longer", `${line(101)}\n${CALL}\n`, ["TOO_LARGE", CALL]],
    ["a line of nothing but blanks", `${" ".repeat(101)}\n${CALL}\n`, ["TOO_LARGE", CALL]],
    ["an overlong line that ends in a count", `${"x".repeat(300)}15\n${CALL}`, ["TOO_LARGE", CALL]],
    [
      "an overlong line with many digits",
      `${"x".repeat(300)}${"0".repeat(40)}5\n${CALL}`,
      ["TOO_LARGE", CALL],
    ],
    ["an overlong line of digits", `${"1".repeat(300)}\n${CALL}`, ["TOO_LARGE", CALL]],
    ["an object as long as allowed", `200\n${line(200)}`, [line(200)]],
    ["an object one byte longer", `201\n${line(201)}${CALL}\n`, ["TOO_LARGE", CALL]],
    ["a count beyond the limit with a small object", `99999999\n${CALL}`, [CALL]],
    ["a count of 10^20", `100000000000000000000\n${line(300)}${CALL}\n`, ["TOO_LARGE", CALL]],
    ["a count that is no number any more", `${"9".repeat(99)}\n${CALL}`, [CALL]],
  ];
  for (const pieceBytes of [1, 7, WHOLE]) {
    test.each(rows)(`%s, in pieces of ${pieceBytes}`, (_name, input, found) => {
      expect(frame(createFramer(SMALL), encode(input), pieceBytes)).toEqual([...found]);
    });
  }

  test("a hello behind the overlong start of a line", () => {
    const fresh = hello("new9");
    for (const length of [90, 99, 100, 101, 150, 1000]) {
      const bytes = join(encode("x".repeat(length)), fresh);
      for (const pieceBytes of [1, 7, WHOLE]) {
        const found = frame(createFramer({ lineBytes: 100, lengthPrefixedBytes: 1000 }), bytes, pieceBytes);
        expect([length, pieceBytes, found.at(-1)]).toEqual([length, pieceBytes, bodyOf(fresh)]);
      }
    }
  });
});
