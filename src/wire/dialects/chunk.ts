/** Writes the bytes of a stream chunk into a JSON member: as readable text if it is UTF-8, else as base64. */
import { NegotiatorError } from "../../errors.ts";
import { CHUNK_BYTES } from "../../limits.ts";

/** The member of a `stream.data` message that carries the bytes. */
export type ChunkMembers = { text: string } | { base64: string };

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Returns whether the chunk is text, and shorter as text than as base64. */
export function encodesAsText(bytes: Uint8Array): boolean {
  return isUtf8(bytes) && isShort(bytes);
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    utf8.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Returns the chunk as text, or as base64 when that is shorter. `bytes` has at most `CHUNK_BYTES`. */
export function encodeChunk(bytes: Uint8Array): ChunkMembers {
  return encodesAsText(bytes) ? { text: utf8.decode(bytes) } : { base64: bytes.toBase64() };
}

/** Returns the bytes of a chunk. Throws `BAD_FRAME` unless it has one valid member of at most 64 KiB. */
export function decodeChunk(members: { text?: string | undefined; base64?: string | undefined }): Uint8Array {
  const { text, base64 } = members;
  if ((text === undefined) === (base64 === undefined)) throw notOneForm();
  const bytes = text === undefined ? decodeBase64(base64 ?? "") : new TextEncoder().encode(text);
  if (bytes === undefined) throw badChunk("its base64 is malformed");
  if (bytes.length > CHUNK_BYTES) throw tooLongChunk();
  return bytes;
}

/** Returns the error for a chunk without bytes, or with bytes in two forms. */
export function notOneForm(): NegotiatorError {
  return badChunk('it needs one of "text", "base64" and "bytes"');
}

/** Returns the error for a chunk of more than `CHUNK_BYTES`. */
export function tooLongChunk(): NegotiatorError {
  return badChunk(`it is longer than ${CHUNK_BYTES} bytes`);
}

/**
 * Returns whether a text has so few of the bytes that JSON writes as six that it stays about as short as
 * base64. The bytes that JSON writes as two must not make it longer than the shortest line of a peer.
 */
function isShort(bytes: Uint8Array): boolean {
  let mostLong = bytes.length / 16;
  let written = bytes.length;
  // An index is many times faster than an iterator here.
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index] ?? 0;
    if (byte === QUOTE || byte === BACKSLASH || isShortEscape(byte)) written++;
    else if (byte < 0x20 && --mostLong < 0) return false;
  }
  return written + 5 * (bytes.length / 16) <= TEXT_BYTES;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Leaves 8 KiB of a line of 128 KiB for the other members. */
const TEXT_BYTES = 120 * 1024;

/** Backspace, tab, line feed, form feed and carriage return: JSON has escapes of two characters for them. */
function isShortEscape(byte: number): boolean {
  return byte >= 0x08 && byte <= 0x0d && byte !== 0x0b;
}

/** Returns the bytes of base64 with padding, without blanks or unused bits. Undefined for other text. */
export function decodeBase64(base64: string): Uint8Array | undefined {
  const padding = base64.endsWith("==") ? 2 : Number(base64.endsWith("="));
  try {
    const bytes = Uint8Array.fromBase64(base64, { lastChunkHandling: "strict" });
    // The decoder skips blanks. A text of the right length has none.
    return bytes.length === (base64.length / 4) * 3 - padding ? bytes : undefined;
  } catch {
    return undefined;
  }
}

function badChunk(reason: string): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", `Cannot read a stream chunk: ${reason}`);
}
