/** Reads and writes the lines of stream chunks without a JSON parser: each piece of a bulk stream has one. */
import { CHUNK_BYTES } from "../../limits.ts";
import type { ChunkHeader, Message } from "../message.ts";
import { decodeBase64 } from "./chunk.ts";

/** The parts of a line, in the order in which this program writes them. */
export type ChunkLine = Omit<ChunkHeader, "kind"> & { seq?: number | undefined };

/** Returns the line of a raw chunk, with its line end. `call` and `stream` need no escapes in JSON. */
export function writeChunkHeader({ length, crc32, ...place }: ChunkLine): string {
  const checksum = crc32 === undefined ? "" : `,"crc32":${crc32}`;
  return writeLine(place, `"bytes":${length}${checksum}`);
}

type ChunkPlace = Pick<ChunkLine, "seq" | "call" | "stream" | "offset">;

function writeLine({ seq, call, stream, offset }: ChunkPlace, contents: string): string {
  const number = seq === undefined ? "" : `"seq":${seq},`;
  const place = `"call":${JSON.stringify(call)},"stream":"${stream}","offset":${offset}`;
  return `{"jsonrpc":"2.0",${number}"method":"stream.data","params":{${place},${contents}}}\n`;
}

/** The line up to its contents. A number has no zero in front, and so few digits that a double holds it. */
const PLACE_FORM = [
  String.raw`^\{"jsonrpc":"2\.0","seq":([1-9]\d{0,14}),"method":"stream\.data","params":\{`,
  String.raw`"call":"([!#-[\]-~]{1,64})","stream":"([a-z][a-z0-9-]{0,31})","offset":(0|[1-9]\d{0,14}),`,
].join("");
const HEADER_FORM = new RegExp(
  PLACE_FORM + String.raw`"bytes":(0|[1-9]\d{0,4})(?:,"crc32":(0|[1-9]\d{0,9}))?\}\}$`,
);
/** The longest line of this form. */
const LINE_BYTES = 300;

/**
 * Returns the header in a line that this program has written. Undefined for every other line: other programs
 * may write the same header in another form, which the JSON parser reads.
 */
export function readChunkHeader(line: Uint8Array): (ChunkHeader & { seq: number }) | undefined {
  if (line.length > LINE_BYTES) return undefined;
  const found = HEADER_FORM.exec(Buffer.from(line.buffer, line.byteOffset, line.length).toString("latin1"));
  if (found === null) return undefined;
  const [, seq, call = "", stream = "", offset, bytes, crc32] = found;
  const length = Number(bytes);
  if (length > CHUNK_BYTES) return undefined;
  const header = { kind: "header", seq: Number(seq), call, stream, offset: Number(offset), length } as const;
  return crc32 === undefined ? header : { ...header, crc32: Number(crc32) };
}

/** A chunk and its number. */
export type NumberedChunk = Extract<Message, { kind: "data" }>;

/** Returns the line of a chunk in base64, with its line end. All of it is ASCII. */
export function writeBase64Line({ bytes, ...place }: NumberedChunk): string {
  return writeLine(place, `"base64":"${bytes.toBase64()}"`);
}

const BASE64_FORM = new RegExp(`${PLACE_FORM}"base64":"`);
const BASE64_END = '"}}';

/**
 * Returns the chunk in a line that `writeBase64Line` has written. Undefined for every other line, which the
 * JSON parser reads or refuses. A short line is left to it, too.
 */
export function readBase64Line(line: Uint8Array): (NumberedChunk & { seq: number }) | undefined {
  if (line.length <= LINE_BYTES) return undefined;
  const ascii = Buffer.from(line.buffer, line.byteOffset, line.length);
  const end = line.length - BASE64_END.length;
  const found = BASE64_FORM.exec(ascii.toString("latin1", 0, LINE_BYTES));
  if (found === null || ascii.toString("latin1", end) !== BASE64_END) return undefined;
  const [{ length: start }, seq, call = "", stream = "", offset] = found;
  const bytes = decodeBase64(ascii.toString("latin1", start, end));
  if (bytes === undefined || bytes.length > CHUNK_BYTES) return undefined;
  return { kind: "data", seq: Number(seq), call, stream, offset: Number(offset), bytes };
}
