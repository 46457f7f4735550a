/** From bytes to a native message, or to the object of another dialect; never an exception. */
import { expect, test } from "bun:test";
import { readFrame } from "../../src/wire/reading.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

test("a native message is decoded, and an object of another dialect is handed on as it is", () => {
  expect(readFrame(encode('{"jsonrpc":"2.0","seq":3,"id":1,"result":"a"}'))).toEqual({
    kind: "native",
    message: { kind: "result", seq: 3, id: 1, result: "a" },
  });
  expect(readFrame(encode('{"result": "a", "success": true}'))).toEqual({
    kind: "foreign",
    object: { result: "a", success: true },
  });
});

test("what has its place in the order but makes no sense is a message", () => {
  const read = readFrame(encode('{"jsonrpc":"2.0","seq":3,"id":1,"method":7}'));
  expect(read).toMatchObject({ kind: "native", message: { kind: "invalid", seq: 3, id: 1 } });
});

test("what is made of too many values is unreadable in any dialect", () => {
  const list = `[${"[],".repeat(140_000)}[]]`;
  for (const text of [`{"jsonrpc":"2.0","method":"m","params":${list}}`, `{"method":"m","args":${list}}`])
    expect(readFrame(encode(text))).toMatchObject({ kind: "unreadable", error: { code: "TOO_LARGE" } });
});

test.each([
  ["no text", Uint8Array.of(0xff)],
  ["no JSON", encode("{")],
  ["no object", encode("[]")],
  ["no number that counts", encode('{"jsonrpc":"2.0","seq":0,"method":"m"}')],
  ["nothing", new Uint8Array(0)],
])("%s is unreadable", (_, bytes) => {
  expect(readFrame(bytes)).toMatchObject({ kind: "unreadable", error: { code: "BAD_FRAME" } });
});
