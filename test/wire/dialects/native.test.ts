/** The native envelope passes the tests of a dialect, and writes raw chunks. */
import { expect, test } from "bun:test";
import { encodeNative, native } from "../../../src/wire/dialects/native.ts";
import type { ChunkForm } from "../../../src/wire/dialects/native.ts";
import { parseJsonObject } from "../../../src/wire/json.ts";
import { describeEnvelope } from "./conformance.ts";
import { nativeTable } from "./native-table.ts";

describeEnvelope(nativeTable);

const write = (content: string, form: Partial<ChunkForm>): string =>
  new TextDecoder().decode(
    encodeNative(
      { kind: "data", seq: 3, call: "c", stream: "s", offset: 7, bytes: new TextEncoder().encode(content) },
      { isRaw: true, isOnPort: true, hasChecksum: true, ...form },
    ),
  );
const OPENINGS = ['{"jsonrpc":"2.0"', '{"method": "negotiate:', '7\n{"', '0 \t\r\n{"'] as const;
const lineOf = (members: string): string =>
  '{"jsonrpc":"2.0","seq":3,"method":"stream.data","params":' +
  `{"call":"c","stream":"s","offset":7,${members}}}\n`;

test("a raw chunk is its line, its bytes as they are, and a line end", () => {
  expect(write("hello", {})).toBe(`${lineOf('"bytes":5,"crc32":907060870')}hello\n`);
  expect(write("a\n\0", { hasChecksum: false })).toBe(`${lineOf('"bytes":3')}a\n\0\n`);
});

test.each(OPENINGS)("a chunk with %s is sent as JSON on a port, and raw on a socket", (opening) => {
  const content = `x${opening}y`;
  expect(write(content, {})).toBe(lineOf(`"text":${JSON.stringify(content)}`));
  expect(write(content, { isOnPort: false, hasChecksum: false })).toBe(
    `${lineOf(`"bytes":${content.length}`)}${content}\n`,
  );
});

test.each([
  '{"jsonrpc": "2.0"',
  '{"method":"negotiate:',
  '"method": "',
  '"command": "',
  '7\n {"',
  '7\n{ "',
  '7\n\n{"',
])("a chunk with %j can begin no message, and is sent raw on a port", (content) => {
  for (const bytes of [content, `${content}x`, `x\n${content}`])
    expect(write(bytes, {})).toContain(`"bytes":${bytes.length},`);
});

test("a chunk of 64 KiB with each opening at its last bytes is never sent raw on a port", () => {
  for (const opening of OPENINGS) {
    const content = "x".repeat(65_536 - opening.length) + opening;
    expect(write(content, {})).not.toContain('"bytes":');
  }
});

test.each(['"text":"a"', '"base64":"YQ=="'])(
  "a chunk with %s and bytes has two forms, and is refused",
  (form) => {
    const line = lineOf(`"bytes":1,"crc32":3904355907,${form}`);
    expect(native.decode(parseJsonObject(new TextEncoder().encode(line)))).toMatchObject({
      kind: "invalid",
      seq: 3,
      call: "c",
      error: { code: "BAD_FRAME" },
    });
  },
);
