/** From bytes to a message, by whatever dialect knows it; never an exception. */
import { expect, test } from "bun:test";
import { legacy } from "../../src/wire/dialects/legacy.ts";
import { native } from "../../src/wire/dialects/native.ts";
import { readMessage } from "../../src/wire/reading.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

test("a message comes with the dialect that it is in", () => {
  expect(readMessage(encode('{"jsonrpc":"2.0","seq":3,"id":1,"result":"a"}'))).toEqual({
    kind: "message",
    dialect: native,
    message: { kind: "result", seq: 3, id: 1, result: "a" },
  });
  expect(readMessage(encode('{"result": "a", "success": true}'))).toEqual({
    kind: "message",
    dialect: legacy,
    message: { kind: "result", result: "a" },
  });
});

test("what has its place in the order but makes no sense is a message", () => {
  const read = readMessage(encode('{"jsonrpc":"2.0","seq":3,"id":1,"method":7}'));
  expect(read).toMatchObject({ kind: "message", message: { kind: "senseless", seq: 3, id: 1 } });
});

test("what is made of too many values is unreadable in any dialect", () => {
  const list = `[${"[],".repeat(140_000)}[]]`;
  for (const text of [`{"jsonrpc":"2.0","method":"m","params":${list}}`, `{"method":"m","args":${list}}`])
    expect(readMessage(encode(text))).toMatchObject({ kind: "unreadable", error: { code: "TOO_LARGE" } });
});

test.each([
  ["no text", Uint8Array.of(0xff)],
  ["no JSON", encode("{")],
  ["no object", encode("[]")],
  ["no dialect", encode("{}")],
  ["no number that counts", encode('{"jsonrpc":"2.0","seq":0,"method":"m"}')],
  ["no message of its dialect", encode('{"success": 1}')],
  ["nothing", new Uint8Array(0)],
])("%s is unreadable", (_, bytes) => {
  expect(readMessage(bytes)).toMatchObject({ kind: "unreadable", error: { code: "BAD_FRAME" } });
});
