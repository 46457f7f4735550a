/** Rule 14 of docs/PROTOCOL.md: what a dialler reads before the answer to its hello. */
import { describe, expect, test } from "bun:test";
import { createDiallerReader } from "../../../src/wire/frames/dialler-reader.ts";
import type { FrameReader } from "../../../src/wire/frames/listener-reader.ts";
import { answer, readPieces, WHOLE } from "./torn-frames.ts";

const LIMITS = { lineBytes: 1000 };
const dial = (): FrameReader => {
  const reader = createDiallerReader(LIMITS, { isOnPort: true, acceptsRaw: () => true });
  reader.expectAnswer("new9");
  return reader;
};
const ANSWER = Buffer.from(answer("new9")).toString();
const LINE = ANSWER.trim();
const REFUSAL = '{"jsonrpc":"2.0","id":"new9","error":{"code":-32014,"message":"no"}}\n';
const FOUND = ["native result -"];

const ROWS: readonly [name: string, input: string, readings: readonly string[]][] = [
  ["an answer", ANSWER, FOUND],
  ["a refusal", REFUSAL, ["native failure -"]],
  ["an answer behind blanks", `\n\n${ANSWER}`, FOUND],
  ["an answer behind a torn object with open brackets", `\n{"a":[{"b":"${ANSWER}`, FOUND],
  ["an answer behind a torn escape", `\n{"a":"\\${ANSWER}`, FOUND],
  ["an answer that does not begin its line", `\nx${LINE}\n`, []],
  ["an answer inside another object", `\n{"a":${LINE}}\n`, ["foreign undefined"]],
  ["an answer with another nonce", Buffer.from(answer("new8")).toString(), []],
  ["an answer whose id holds the nonce", ANSWER.replace('"id":"new9"', '"id":"new99"'), []],
  ["a request with the nonce as its id", '\n{"jsonrpc":"2.0","id":"new9","method":"m"}\n', []],
  ["an answer that a line end cuts, and the whole one", ANSWER.slice(0, 50) + ANSWER, FOUND],
  ["an answer that cannot be decoded", '\n{"jsonrpc":"2.0","id":"new9","seq":0,"result":1}\n', []],
  ["an answer that is not UTF-8", LINE.replace('"role"', '"r\u00ff"'), []],
  ["an answer behind one that cannot be decoded", `\n{"jsonrpc":"2.0","id":"new9","seq":0}${ANSWER}`, FOUND],
  ["messages and garbage", '{"jsonrpc":"2.0","method":"session.ping"}\ngarbage\n{}\n{"a": 1}\n', []],
  ["a message behind digits", '7\n{"jsonrpc":"2.0","method":"session.ping"}\n', []],
  ["an object with the nonce", '\n{"result": "negotiate:new9"}\n', ["foreign undefined"]],
  ["an object behind a digit", '9\n{"success": true}', ["foreign true"]],
  ["an object behind a digit and blanks", 'torn 9 \t\r\n{"success": true}', ["foreign true"]],
  ["an object behind a digit and a letter", '9a\n{"success": true}', []],
  ["an object behind a digit and an empty line", '9\n\n{"success": true}', []],
  ["an object that begins with a blank, behind a digit", '9\n{ "success": true}', []],
  ["two objects of an old peer", '9\n{"method": "a"}9\n{"method": "b"}', ["foreign a", "foreign b"]],
  ["an old peer's object and the answer", `9\n{"method": "a"}${ANSWER}`, ["foreign a", ...FOUND]],
  ["an object that is longer than a line", `9\n{"a":"${"x".repeat(1000)}"}${ANSWER}`, FOUND],
];

const CHUNK_LINE =
  '{"jsonrpc":"2.0","seq":1,"method":"stream.data","params":{"call":"c","stream":"s","offset":0,"bytes":9}}';

describe("a dialler before its answer", () => {
  for (const pieceBytes of [1, 7, WHOLE]) {
    test.each(ROWS)(`in pieces of ${pieceBytes} bytes, a dialler reads %s`, (_, input, readings) => {
      expect(readPieces(dial(), Buffer.from(input, "latin1"), pieceBytes)).toEqual([...readings]);
    });
  }
});

test("a length with blanks inside a torn string: the object behind it and the next one are read", () => {
  const input = '{"a":"torn16 \r\n{"success": true}16\n{"success": true}';
  for (const pieceBytes of [1, 7, WHOLE])
    expect(readPieces(dial(), Buffer.from(input), pieceBytes)).toEqual(["foreign true", "foreign true"]);
});

test.each([
  ["half a line", '{"jsonrpc":"2.0","method":"session.pi'],
  ["half a raw chunk", `${CHUNK_LINE}\nab`],
])("%s from before a new hello does not stay in front of the messages after its answer", (_, half) => {
  const reader = createDiallerReader(LIMITS, { isOnPort: true, acceptsRaw: () => true });
  reader.expectAnswer("old1");
  readPieces(reader, Buffer.concat([answer("old1"), Buffer.from(half)]), WHOLE);
  reader.expectAnswer("new9");
  const ping = Buffer.from('{"jsonrpc":"2.0","method":"session.ping"}\n');
  expect(readPieces(reader, Buffer.concat([answer("new9"), ping]), 7)).toEqual([...FOUND, "native ping -"]);
});
