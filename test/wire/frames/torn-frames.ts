/** Frames to tear, frames that a reader must find after a torn one, and a short form of what is read. */
import { encodeLengthPrefixed } from "../../../src/wire/frames/length-prefixed.ts";
import { encodeNative, native } from "../../../src/wire/dialects/native.ts";
import type { ChunkForm } from "../../../src/wire/dialects/native.ts";
import type { FrameReader } from "../../../src/wire/frames/listener-reader.ts";
import type { Reading } from "../../../src/wire/reading.ts";
import { encodeHello, encodeWelcome, PROTOCOL_VERSIONS } from "../../../src/wire/session/handshake.ts";

/** A piece size that no input reaches. */
export const WHOLE = 1e9;
/** The form of a dialler's chunks on a port. */
const RAW_FORM: ChunkForm = { isRaw: true, isOnPort: true, hasChecksum: true };

const agent = { name: "a {7", version: '1"', role: "host\\" };
const limits = { lineBytes: 131_072, noticeBytes: 1000 };

/** Returns a hello with strings that could mislead a reader. */
export const hello = (nonce: string): Uint8Array =>
  encodeHello({
    nonce,
    versions: PROTOCOL_VERSIONS,
    capabilities: ["raw", "a 1", "}"],
    agent,
    session: { id: "s1", received: 12 },
    limits,
  });

/** Returns the answer to a hello with this nonce. */
export const answer = (nonce: string): Uint8Array =>
  encodeWelcome(nonce, {
    version: PROTOCOL_VERSIONS.max,
    capabilities: ["raw"],
    agent,
    session: { id: "s1", instance: "i1", received: 12 },
    limits,
  });

const LEGACY_CALL = encodeLengthPrefixed({
  args: ["a 5", 'b\\"', "{[", "12\n\n{"],
  kw: { n: 12, list: [3, [4]] },
  method: "execute",
});
const NATIVE_CALL = native.encode({
  kind: "request",
  seq: 12,
  id: "9",
  method: "m",
  params: { "a 5": 'b5"c\\ {[é', list: [1, 23, [4]], text: "5\n6\n{" },
});

/** Everything that a reader could take for a message, at the beginning of a line and inside one. */
export const FORGED = Buffer.concat([
  hello("forged"),
  answer("forged"),
  NATIVE_CALL,
  LEGACY_CALL,
  Buffer.from("\n30\nx"),
  NATIVE_CALL,
  LEGACY_CALL,
]);

/** Returns the frame of a stream chunk as a dialler writes it on a port with raw chunks. */
export const chunk = (bytes: Uint8Array, seq = 13): Uint8Array =>
  encodeNative({ kind: "data", seq, call: "1", stream: "stdout", offset: 40, bytes }, RAW_FORM);

/** Almost a hello, a message and a request, with lengths that a reader could believe. */
const NEAR = Buffer.from(
  '7\n{"method":"negotiate:x"}\n250\n\n{"jsonrpc": "2.0"}\n12\n{"meth\n\n0\n{"command":1}\n9',
);

/** Every kind of frame, with digits, quotes, escapes, line ends and brackets that could mislead a reader. */
export const TORN = {
  hello: hello("old1"),
  "native line": NATIVE_CALL,
  "chunk of forged text": chunk(FORGED),
  "chunk of forged base64": chunk(Buffer.concat([FORGED, Buffer.of(0xff)])),
  "raw chunk": chunk(NEAR),
  "raw chunk of line ends": chunk(new Uint8Array(40).fill(0x0a)),
  "raw chunk of digits and line ends": chunk(Buffer.from("1\n22\n333\n4444\n".repeat(4))),
  "hello answer": answer("old1"),
  "legacy call": LEGACY_CALL,
  "legacy result": encodeLengthPrefixed({ result: "127.0.0.1/8\n192.0.2.2/24\n", success: true }),
} as const;

/** The frames that must be found. */
export const FRESH = {
  hello: hello("new9"),
  "legacy call": encodeLengthPrefixed({ args: [], kw: {}, method: "list_commands" }),
  "hello answer": answer("new9"),
} as const;

/** Describes a reading in two or three words. */
function describeReading(reading: Reading): string {
  switch (reading.kind) {
    case "hello":
      return `hello ${"id" in reading.message ? String(reading.message.id) : ""}`;
    case "native":
      return `native ${reading.message.kind} ${reading.message.seq ?? "-"}`;
    case "foreign":
      return `foreign ${String(reading.object["method"] ?? reading.object["success"])}`;
    case "ignored":
      return `ignored ${reading.bytes}`;
    default:
      return `${reading.kind} ${reading.error.code}`;
  }
}

/** Returns what a reader reads from bytes that come in pieces of one size. */
export function readPieces(reader: FrameReader, bytes: Uint8Array, pieceBytes: number): string[] {
  const found: string[] = [];
  for (let start = 0; start < bytes.length; start += pieceBytes) {
    const readings = [...reader.push(bytes.subarray(start, start + pieceBytes))];
    found.push(...readings.filter(({ kind }) => kind !== "ignored").map(describeReading));
  }
  return found;
}
