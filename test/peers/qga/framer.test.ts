/** Requests of guest agent clients in any bytes: where they end, exact numbers, errors of wrong bytes. */
import { heapStats } from "bun:jsc";
import { describe, expect, test } from "bun:test";
import { createExactFramer } from "../../../src/peers/qga/framer.ts";
import { writeExactJson } from "../../../src/peers/qga/json-writer.ts";

const LIMIT_BYTES = 4096;

/** The requests and errors in a text of latin-1, which arrives in pieces of that size. */
function read(text: string, pieceBytes = text.length): string[] {
  const framer = createExactFramer({ lengthPrefixedBytes: LIMIT_BYTES });
  const bytes = Buffer.from(text, "latin1");
  const found: string[] = [];
  for (let start = 0; start < bytes.length; start += pieceBytes)
    for (const object of framer.push(bytes.subarray(start, start + pieceBytes)))
      found.push(
        object instanceof Error ? object.message : Buffer.from(writeExactJson(object)).toString().trim(),
      );
  return found;
}

const PING = '{"execute": "guest-ping"}';
const EXPECTING = "JSON parse error, expecting value";

/** Texts, and what is read from them. The errors are those of the QEMU guest agent up to the comma. */
const CASES: readonly (readonly [text: string, found: readonly string[]])[] = [
  [`${PING}${PING}`, [PING, PING]],
  ["{'execute':'guest-ping'}", [PING]],
  ["{'a':'it\\'s'}", [`{"a": "it's"}`]],
  ['\t{\r\n"execute" :"guest-ping" }\n', [PING]],
  [
    '{"a":9223372036854775807,"b":-9223372036854775808}',
    ['{"a": 9223372036854775807, "b": -9223372036854775808}'],
  ],
  ['{"a":18446744073709551615}', ['{"a": 18446744073709551615}']],
  ['{"a":18446744073709551616}', ['{"a": 1.8446744073709552e+19}']],
  ['{"a":1.5e3,"b":-0.25}', ['{"a": 1500, "b": -0.25}']],
  ['{"a":[[],{}],"b":null,"c":[true,false]}', ['{"a": [[], {}], "b": null, "c": [true, false]}']],
  ['{"a":"\\u00e9\\n\\ud83d\\ude00"}', ['{"a": "\\u00E9\\n\\uD83D\\uDE00"}']],
  ['{"__proto__":1}', ['{"__proto__": 1}']],
  ["}}}}", [EXPECTING, EXPECTING, EXPECTING, EXPECTING]],
  ['{"a":01}', ["JSON parse error, stray '01'", EXPECTING]],
  ['{"a":1.}\n', ["JSON parse error, stray '1.}'"]],
  ['{"a":-}', ["JSON parse error, stray '-}'"]],
  [`\u00ff${PING}`, ["JSON parse error, stray '\ufffd'", PING]],
  [`{"execute":"guest-fi\u00ff${PING}`, ["JSON parse error, stray '\"guest-fi\ufffd'", PING]],
  [`\u0001${PING}`, ["JSON parse error, stray '\u0001'", PING]],
  [`# a comment\n${PING}`, ["JSON parse error, stray '#'", PING]],
  ['{"a":tru}', ["JSON parse error, invalid keyword 'tru'"]],
  ['{"a":1,}', [EXPECTING]],
  ['{"a":1,2:3}', ["JSON parse error, key is not a string in object"]],
  ['{"a" "b"}', ["JSON parse error, missing : in object pair"]],
  ['{"a":1 "b":2}', ["JSON parse error, expected separator in dict"]],
  ["[1 2]", ["JSON parse error, expected separator in list"]],
  ['{"a":1,"a":2}', ["JSON parse error, duplicate key"]],
  ['{"a":"\\q"}', ["JSON parse error, invalid escape sequence in string"]],
  ['{"a":"\\ud800"}', ["JSON parse error, \\ud800 is not a valid Unicode character"]],
  ['{"a":"\u00e9"}', ["JSON parse error, invalid UTF-8 sequence in string"]],
  ['[] "x" 1 ', Array.from({ length: 3 }, () => "QMP input must be a JSON object")],
];

describe("a text of a client", () => {
  test.each(CASES)("%j is read as a whole", (text, found) => {
    expect(read(text)).toEqual([...found]);
  });
  test.each(CASES)("%j is read byte by byte", (text, found) => {
    expect(read(text, 1)).toEqual([...found]);
  });
});

test("1025 open brackets are one error, and each closing one is another", () => {
  const found = read(`${"[".repeat(1025)}${"]".repeat(1025)}`);
  expect(found).toHaveLength(1026);
  expect(found[0]).toBe("JSON nesting depth limit exceeded");
});

test("1024 open brackets are not too many", () => {
  expect(read(`${"[".repeat(1024)}${"]".repeat(1024)}`)).toEqual(["QMP input must be a JSON object"]);
});

test("a request over the limit is one error, and the next line is read", () => {
  const found = read(`{"a":"${"x".repeat(2 * LIMIT_BYTES)}"\n${PING}`, 512);
  expect(found).toEqual(["JSON token size limit exceeded", PING]);
});

test("the rest of a dropped request is not part of the next one", () => {
  const framer = createExactFramer({ lengthPrefixedBytes: LIMIT_BYTES });
  expect([...framer.push(Buffer.from('{"execute":'))]).toEqual([]);
  framer.drop?.();
  expect([...framer.push(Buffer.from(PING))]).toMatchObject([{ execute: "guest-ping" }]);
});

test("the memory of an unfinished request is taken, and given back", () => {
  let taken = 0;
  const memory = {
    bytes: 0,
    isRoomy: true,
    hold: () => ({ bytes: 0, resize: () => true, release: () => undefined }),
    take: (bytes: number) => (taken += bytes) > 0,
    give: (bytes: number) => void (taken -= bytes),
    charge: () => undefined,
  };
  const framer = createExactFramer({ lengthPrefixedBytes: LIMIT_BYTES }, memory);
  expect([...framer.push(Buffer.from('{"execute":'))]).toEqual([]);
  expect(taken).toBe('{"execute":'.length);
  expect([...framer.push(Buffer.from('"guest-ping"}'))]).toHaveLength(1);
  expect(taken).toBe(0);
});

/** The byte arrays that the runtime holds. */
function countArrays(): number {
  Bun.gc(true);
  return heapStats().objectTypeCounts["Uint8Array"] ?? 0;
}

test("a request that comes byte by byte is held in one piece", () => {
  const framer = createExactFramer({ lengthPrefixedBytes: LIMIT_BYTES });
  const bytes = Buffer.from(`{"execute": "${"x".repeat(2000)}"}`);
  const before = countArrays();
  for (let index = 0; index < bytes.length - 1; index++)
    expect([...framer.push(bytes.slice(index, index + 1))]).toEqual([]);
  expect(countArrays() - before).toBeLessThan(bytes.length / 4);
  expect([...framer.push(bytes.slice(-1))]).toMatchObject([{ execute: "x".repeat(2000) }]);
});
