/** One frame is read as a native message, a foreign object or an error, and never throws. */
import { expect, test } from "bun:test";
import { readFrame } from "../../src/wire/reading.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

test("a native message is decoded, and another object is returned as it is", () => {
  expect(readFrame(encode('{"jsonrpc":"2.0","seq":3,"id":1,"result":"a"}'))).toEqual({
    kind: "native",
    message: { kind: "result", seq: 3, id: 1, result: "a" },
  });
  expect(readFrame(encode('{"result": "a", "success": true}'))).toEqual({
    kind: "foreign",
    object: { result: "a", success: true },
  });
});

test("an invalid message with a valid seq keeps its seq and id", () => {
  const read = readFrame(encode('{"jsonrpc":"2.0","seq":3,"id":1,"method":7}'));
  expect(read).toMatchObject({ kind: "native", message: { kind: "invalid", seq: 3, id: 1 } });
});

test("a message with too many values is TOO_LARGE in any dialect", () => {
  const list = `[${"[],".repeat(140_000)}[]]`;
  for (const text of [`{"jsonrpc":"2.0","method":"m","params":${list}}`, `{"method":"m","args":${list}}`])
    expect(readFrame(encode(text))).toMatchObject({ kind: "unreadable", error: { code: "TOO_LARGE" } });
});

test.each([
  ["a frame that is not UTF-8", Uint8Array.of(0xff)],
  ["a frame that is not JSON", encode("{")],
  ["a frame that is not an object", encode("[]")],
  ["a message with the seq 0", encode('{"jsonrpc":"2.0","seq":0,"method":"m"}')],
  ["an empty frame", new Uint8Array(0)],
])("%s is read as BAD_FRAME", (_, bytes) => {
  expect(readFrame(bytes)).toMatchObject({ kind: "unreadable", error: { code: "BAD_FRAME" } });
});
