/** Reads and writes the line of a raw chunk without a JSON parser: each piece of a bulk stream has one. */
import { CHUNK_BYTES } from "../../limits.ts";
import type { ChunkHeader } from "../message.ts";

/** The parts of a line, in the order in which this program writes them. */
export type ChunkLine = Omit<ChunkHeader, "kind"> & { seq?: number | undefined };

/** Returns the line of a raw chunk, with its line end. `call` and `stream` need no escapes in JSON. */
export function writeChunkHeader({ seq, call, stream, offset, length, crc32 }: ChunkLine): string {
  const number = seq === undefined ? "" : `"seq":${seq},`;
  const checksum = crc32 === undefined ? "" : `,"crc32":${crc32}`;
  const params = `{"call":${JSON.stringify(call)},"stream":"${stream}","offset":${offset},"bytes":${length}${checksum}}`;
  return `{"jsonrpc":"2.0",${number}"method":"stream.data","params":${params}}\n`;
}

const FORM =
  /^\{"jsonrpc":"2\.0","seq":(\d{1,15}),"method":"stream\.data","params":\{"call":"([!#-[\]-~]{1,64})","stream":"([a-z][a-z0-9-]{0,31})","offset":(\d{1,15}),"bytes":(\d{1,5})(?:,"crc32":(\d{1,10}))?\}\}$/;
/** The longest line of this form. */
const LINE_BYTES = 300;

/**
 * Returns the header in a line that this program has written. Undefined for every other line: other programs
 * may write the same header in another form, which the JSON parser reads.
 */
export function readChunkHeader(line: Uint8Array): (ChunkHeader & { seq: number }) | undefined {
  if (line.length > LINE_BYTES) return undefined;
  const found = FORM.exec(Buffer.from(line.buffer, line.byteOffset, line.length).toString("latin1"));
  if (found === null) return undefined;
  const [, seq, call = "", stream = "", offset, bytes, crc32] = found;
  const length = Number(bytes);
  if (length > CHUNK_BYTES || Number(seq) === 0) return undefined;
  const header = { kind: "header", seq: Number(seq), call, stream, offset: Number(offset), length } as const;
  return crc32 === undefined ? header : { ...header, crc32: Number(crc32) };
}
