/** Lines and parameters that are read by hand are read exactly as the schemas read them. */
import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import { readChunkHeader, writeChunkHeader } from "../../../src/wire/dialects/chunk-header.ts";
import type { ChunkLine } from "../../../src/wire/dialects/chunk-header.ts";
import { native } from "../../../src/wire/dialects/native.ts";
import { CallIdSchema, StreamNameSchema } from "../../../src/wire/dialects/protocol-messages.ts";
import { isJsonObject, parseJsonObject } from "../../../src/wire/json.ts";
import { createRandom } from "../../support/random.ts";

const bytesOf = (text: string): Uint8Array => Buffer.from(text, "latin1");
const PARTS = { seq: 1, call: "c", stream: "s", offset: 0, length: 5, crc32: 7 };
const LINE = writeChunkHeader(PARTS).trimEnd();
const MAX = Number.MAX_SAFE_INTEGER;

/** Returns what the parser and the schemas make of a line: a message, or nothing for an error. */
function decode(line: string): unknown {
  try {
    return native.decode(parseJsonObject(bytesOf(line)));
  } catch {
    return undefined;
  }
}

describe("the line of a raw chunk", () => {
  const { crc32: _, ...unchecked } = PARTS;
  test.each<[string, ChunkLine]>([
    ["a usual line", PARTS],
    ["no checksum", unchecked],
    ["no bytes", { ...PARTS, length: 0 }],
    ["64 KiB and large numbers", { ...PARTS, seq: 1e14, offset: 1e14, length: 65_536, crc32: 2 ** 32 - 1 }],
    ["the longest names", { ...PARTS, call: "~".repeat(64), stream: `a${"-".repeat(31)}` }],
  ])("%s is written and read without the parser, as the parser reads it", (_, parts) => {
    const line = writeChunkHeader(parts);
    const header = { kind: "header", ...parts };
    expect<unknown[]>([readChunkHeader(bytesOf(line.trimEnd())), decode(line)]).toEqual([header, header]);
  });

  test.each([
    ["no seq", { ...PARTS, seq: undefined }],
    ["the largest numbers", { ...PARTS, seq: MAX, offset: MAX, crc32: MAX }],
    ["a quote and a backslash in the call", { ...PARTS, call: '"\\' }],
  ])("%s is read by the parser", (_, parts) => {
    const line = writeChunkHeader(parts);
    const { seq, ...others } = parts;
    const header = { kind: "header", ...others, ...(seq === undefined ? {} : { seq }) };
    expect<unknown[]>([readChunkHeader(bytesOf(line.trimEnd())), decode(line)]).toEqual([undefined, header]);
  });

  const changed: readonly [string, string, string][] = [
    ["the seq 0", '"seq":1', '"seq":0'],
    ["a negative seq", '"seq":1', '"seq":-1'],
    ["a seq with a zero in front", '"seq":1', '"seq":01'],
    ["a seq with a fraction", '"seq":1', '"seq":1.5'],
    ["a seq as text", '"seq":1', '"seq":"1"'],
    ["a seq of 16 digits", '"seq":1', '"seq":9007199254740993'],
    ["an offset with zeros in front", '"offset":0', '"offset":00'],
    ["a negative offset", '"offset":0', '"offset":-0'],
    ["an offset with an exponent", '"offset":0', '"offset":0e1'],
    ["65,537 bytes", '"bytes":5', '"bytes":65537'],
    ["bytes with zeros in front", '"bytes":5', '"bytes":005'],
    ["a checksum with zeros in front", '"crc32":7', '"crc32":07'],
    ["a checksum of 10 digits over 32 bits", '"crc32":7', '"crc32":9999999999'],
    ["a checksum of 11 digits", '"crc32":7', '"crc32":10000000000'],
    ["a call without characters", '"call":"c"', '"call":""'],
    ["a call of 65 characters", '"call":"c"', `"call":"${"c".repeat(65)}"`],
    ["a call with a blank", '"call":"c"', '"call":"a b"'],
    ["a call with an escape", '"call":"c"', '"call":"\\u0063"'],
    ["a call outside of ASCII", '"call":"c"', '"call":"\u00e9"'],
    ["a call with the character 0x7f", '"call":"c"', '"call":"\u007f"'],
    ["a stream with a capital", '"stream":"s"', '"stream":"S"'],
    ["a stream with a digit in front", '"stream":"s"', '"stream":"1s"'],
    ["a stream of 33 characters", '"stream":"s"', `"stream":"${"s".repeat(33)}"`],
    ["one more member of the message", '"method"', '"x":1,"method"'],
    ["one more parameter", '"crc32":7', '"crc32":7,"x":1'],
    ["text beside the bytes", '"crc32":7', '"crc32":7,"text":"a"'],
    ["another order of parameters", '"offset":0,"bytes":5', '"bytes":5,"offset":0'],
    ["a second offset", '"offset":0,', '"offset":0,"offset":1,'],
    ["blanks inside", '"offset":0', '"offset": 0'],
    ["a blank in front", '{"jsonrpc"', ' {"jsonrpc"'],
    ["a blank at the end", "}}", "}} "],
    ["a carriage return at the end", "}}", "}}\r"],
    ["a line end at the end", "}}", "}}\n"],
    ["a byte behind it", "}}", "}}x"],
    ["another method", "stream.data", "stream-data"],
    ["another version", "2.0", "2-0"],
  ];
  test.each(changed)("with %s is never read as another message than the parser reads", (_, from, to) => {
    const line = LINE.replace(from, to);
    expect(line).not.toBe(LINE);
    const byHand = readChunkHeader(bytesOf(line));
    const readings: unknown[] = [byHand, decode(line)];
    if (byHand !== undefined) expect(readings).toEqual([byHand, byHand]);
  });

  test("with random changes it is never read as another message than the parser reads", () => {
    const random = createRandom(11);
    let read = 0;
    for (let round = 0; round < 20_000; round++) {
      const bytes = Buffer.from(LINE);
      const at = random.below(bytes.length);
      const changes = [random.below(256), 0x30 + random.below(10), 0x61 + random.below(26)];
      bytes[at] = changes[random.below(changes.length)] ?? 0;
      const byHand = readChunkHeader(bytes);
      if (byHand === undefined) continue;
      read++;
      const byParser = decode(bytes.toString("latin1"));
      if (!Bun.deepEquals(byHand, byParser)) throw new Error(`Read in two ways: ${bytes.toString("latin1")}`);
    }
    expect(read).toBeGreaterThan(100);
  });
});

/** The schemas of docs/PROTOCOL.md for the messages that are checked by hand. */
const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Place = { call: CallIdSchema, stream: StreamNameSchema };
const SCHEMAS = {
  "stream.data": v.object({ ...Place, offset: Count, bytes: Count, crc32: v.exactOptional(Count) }),
  "stream.credit": v.object({ ...Place, limit: Count }),
  "session.ack": v.object({ received: Count }),
  "session.resync": v.object({ received: Count }),
} as const;
const VALID: Readonly<Record<string, unknown>> = {
  call: "c",
  stream: "s",
  offset: 0,
  bytes: 3,
  crc32: 7,
  limit: 9,
  received: 4,
};
const VALUES: Readonly<Record<string, unknown>> = {
  nothing: undefined,
  null: null,
  true: true,
  "an empty text": "",
  "a text": "abc",
  "a text with a blank": "a b",
  "a text with a line end": "a\n",
  "a text outside of ASCII": "é",
  "a text in capitals": "ABC",
  "a text of 65 characters": "x".repeat(65),
  "a number as text": "7",
  "0": 0,
  "-0": -0,
  "-1": -1,
  "0.5": 0.5,
  "the largest number": MAX,
  "a number beyond it": MAX + 1,
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  "a list": ["c"],
  "an object": { call: "c" },
};

describe.each(Object.entries(SCHEMAS))("the parameters of %s", (method, schema) => {
  const members = Object.keys(schema.entries);
  const valid = Object.fromEntries(members.map((name) => [name, VALID[name]]));
  const decoded = (params: unknown): unknown => native.decode({ jsonrpc: "2.0", seq: 1, method, params });
  const kindOf = (params: unknown): unknown => {
    const message = decoded(params);
    return isJsonObject(message) ? message["kind"] : undefined;
  };
  const kind = kindOf(valid);

  test.each(members.flatMap((member) => Object.keys(VALUES).map((value) => [member, value] as const)))(
    `${method}: %s with %s is taken exactly if the schema takes it`,
    (member, value) => {
      const { [member]: _, ...others } = valid;
      const params = VALUES[value] === undefined ? others : { ...others, [member]: VALUES[value] };
      // Without the member, a chunk needs text or base64, and has none here.
      expect(kindOf(params)).toBe(v.is(schema, params) && !isTooLong(params) ? kind : "invalid");
    },
  );

  test.each([[undefined], [null], [7], ["text"], [[]], [[valid]]])(
    `${method}: the parameters %j are invalid`,
    (params) => expect(kindOf(params)).toBe("invalid"),
  );

  test(`${method}: unknown members are ignored`, () =>
    expect(decoded({ ...valid, more: [1] })).toEqual(decoded(valid)));

  test(`${method}: an invalid member is named`, () => {
    for (const member of members) {
      const message = decoded({ ...valid, [member]: [] });
      const error = isJsonObject(message) ? message["error"] : undefined;
      expect(error).toMatchObject({ message: expect.stringContaining(`"${member}"`) });
    }
  });
});

test("the parameters of a chunk have bytes in one form", () => {
  const params = { call: "c", stream: "s", offset: 0 };
  const kinds = [
    {},
    { text: "a" },
    { base64: "YQ==" },
    { bytes: 1 },
    { bytes: 1, text: "a" },
    { bytes: 1, base64: "" },
    { text: "a", base64: "YQ==" },
  ].map(
    (form) => native.decode({ jsonrpc: "2.0", method: "stream.data", params: { ...params, ...form } }).kind,
  );
  expect<string[]>(kinds).toEqual(["invalid", "data", "data", "header", "invalid", "invalid", "invalid"]);
});

function isTooLong(params: object): boolean {
  return "bytes" in params && typeof params.bytes === "number" && params.bytes > 65_536;
}
