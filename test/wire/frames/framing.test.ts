/** The framer finds the next frame after every torn one, and keeps to its limits. */
import { describe, expect, test } from "bun:test";
import { createFramer } from "../../../src/wire/frames/framing.ts";
import { bodyOf, findLost, frame, FRESH, hello, TORN, WHOLE } from "./torn-frames.ts";

const LIMITS = { lineBytes: 4000, lengthPrefixedBytes: 8000 };
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
/** Returns a line of `length` bytes. */
const line = (length: number): string => `{"${"x".repeat(length - 4)}"}`;
const join = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

const torn = Object.entries(TORN);
const fresh = Object.entries(FRESH);

describe("after the torn start of a frame", () => {
  const pairs = torn.flatMap(([head, bytes]) =>
    fresh
      .filter(([next]) => next !== "hello answer" || head.startsWith("native"))
      .map(([next, frameBytes]) => [head, next, bytes, frameBytes] as const),
  );
  test.each(pairs)(
    "after the start of a %s, cut at any byte, the next %s is found",
    (_head, _next, bytes, next) => {
      expect(findLost(bytes, "start", next)).toEqual([]);
    },
  );
});

describe("after the torn end of a frame", () => {
  const pairs = torn.flatMap(([tail, bytes]) =>
    fresh.map(([next, frameBytes]) => [tail, next, bytes, frameBytes] as const),
  );
  test.each(pairs)(
    "after the end of a %s, cut at any byte, the next %s is found",
    (_tail, _next, bytes, next) => {
      expect(findLost(bytes, "end", next)).toEqual([]);
    },
  );
});

describe('each rule of docs/PROTOCOL.md, "Frames"', () => {
  const CALL = '{"method": "m"}';
  const rows: readonly [rule: string, input: string, found: readonly string[]][] = [
    ["a line is a message", `${CALL}\n`, [CALL]],
    ["CR and blank lines around a line are skipped", `\n \r\n${CALL}\r\n\n`, [CALL]],
    ["a length-prefixed object is a message", `15\n${CALL}`, [CALL]],
    ["blanks between a length prefix and its object are skipped", `15\n\n \t${CALL}`, [CALL]],
    ["blanks and zeros around a length prefix are skipped", ` 0015 \r\n${CALL}`, [CALL]],
    ["an object shorter than its length prefix ends at its brace", `900\n${CALL}${CALL}\n`, [CALL, CALL]],
    ["an object longer than its length prefix is a fault", `3\n${CALL}\n${CALL}\n`, ["BAD_FRAME", CALL]],
    [
      "an object one byte longer than its length prefix is a fault",
      `14\n${CALL}${CALL}\n`,
      ["BAD_FRAME", CALL],
    ],
    [
      "a torn line that ends in a digit, without a frame after it, is a fault",
      '{"a":1\nhello\n',
      ["BAD_FRAME", "hello"],
    ],
    ["an object after the length prefix 0 is a fault", `0\n${CALL}${CALL}\n`, ["BAD_FRAME", CALL]],
    ["a length prefix without an object is a fault", "5\nhello\n", ["BAD_FRAME", "hello"]],
    ["a length prefix after a length prefix begins a frame", `7\n15\n${CALL}`, ["BAD_FRAME", CALL]],
    [
      "a length prefix glued to a torn line begins a frame",
      `{"jsonrpc":"2.0","seq":1215\n${CALL}`,
      ["BAD_FRAME", CALL],
    ],
    ["a length prefix glued to a torn string begins a frame", `{"text":"a15\n${CALL}`, ["BAD_FRAME", CALL]],
    ["a length prefix glued to a torn one begins a frame", `1215\n${CALL}`, [CALL]],
    ["a length prefix after a too small one begins a frame", `00\n15\n${CALL}`, ["BAD_FRAME", CALL]],
    ["a frame inside a string of a torn object is found", `99\n{"a": "x15\n${CALL}`, ["BAD_FRAME", CALL]],
    ["a frame after an escape in a torn string is found", `99\n{"a": "x\\15\n${CALL}`, ["BAD_FRAME", CALL]],
    ["a frame in place of a value is found", `99\n{"a": 15\n${CALL}`, ["BAD_FRAME", CALL]],
    ["a frame in place of a name is found", `99\n{"a": 1, 15\n\n${CALL}`, ["BAD_FRAME", CALL]],
    ["a frame after a list in a torn object is found", `99\n{"a": [1, [2]15\n${CALL}`, ["BAD_FRAME", CALL]],
    ["a line after a torn string is found", `99\n{"a": "x\n${CALL}\n`, ["BAD_FRAME", CALL]],
    [
      "a number, a line end and a comma inside an object are JSON",
      `99\n{"a": 15\n, "b": {}}`,
      ['{"a": 15\n, "b": {}}'],
    ],
    ["digits and braces in strings are text", '99\n{"a": "15 }]{["}', ['{"a": "15 }]{["}']],
    ["an escaped quote does not end a string", '99\n{"a": "\\"}\\\\"}', ['{"a": "\\"}\\\\"}']],
    ["a list after a length prefix is a fault", "3\n[1]\n", ["BAD_FRAME", "[1]"]],
  ];
  for (const pieceBytes of [1, 7, WHOLE]) {
    test.each(rows)(`%s (in pieces of ${pieceBytes} bytes)`, (_rule, input, found) => {
      expect(frame(createFramer(LIMITS), encode(input), pieceBytes)).toEqual([...found]);
    });
  }
});

describe("the limits", () => {
  const SMALL = { lineBytes: 100, lengthPrefixedBytes: 200 };
  const CALL = '{"method": "m"}';
  const rows: readonly [name: string, input: string, found: readonly string[]][] = [
    ["a line as long as the limit is a message", `${line(100)}\n`, [line(100)]],
    ["a line one byte longer than the limit is TOO_LARGE", `${line(101)}\n${CALL}\n`, ["TOO_LARGE", CALL]],
    ["a line of too many blanks is TOO_LARGE", `${" ".repeat(101)}\n${CALL}\n`, ["TOO_LARGE", CALL]],
    [
      "an overlong line that ends in a length prefix is TOO_LARGE, and the frame is found",
      `${"x".repeat(300)}15\n${CALL}`,
      ["TOO_LARGE", CALL],
    ],
    [
      "an overlong line that ends in many digits is TOO_LARGE, and the frame is found",
      `${"x".repeat(300)}${"0".repeat(40)}5\n${CALL}`,
      ["TOO_LARGE", CALL],
    ],
    [
      "an overlong line of digits is TOO_LARGE, and the frame is found",
      `${"1".repeat(300)}\n${CALL}`,
      ["TOO_LARGE", CALL],
    ],
    ["an object as long as the limit is a message", `200\n${line(200)}`, [line(200)]],
    [
      "an object one byte longer than the limit is TOO_LARGE",
      `201\n${line(201)}${CALL}\n`,
      ["TOO_LARGE", CALL],
    ],
    ["a small object after a length prefix beyond the limit is a message", `99999999\n${CALL}`, [CALL]],
    [
      "a long object after the length prefix 10^20 is TOO_LARGE",
      `100000000000000000000\n${line(300)}${CALL}\n`,
      ["TOO_LARGE", CALL],
    ],
    ["an object after a length prefix of 99 digits is a message", `${"9".repeat(99)}\n${CALL}`, [CALL]],
  ];
  for (const pieceBytes of [1, 7, WHOLE]) {
    test.each(rows)(`%s (in pieces of ${pieceBytes} bytes)`, (_name, input, found) => {
      expect(frame(createFramer(SMALL), encode(input), pieceBytes)).toEqual([...found]);
    });
  }

  test("a hello glued to the start of an overlong line is found", () => {
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
