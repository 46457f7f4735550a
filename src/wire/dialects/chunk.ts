/** Writes the bytes of a stream chunk into a JSON member: as readable text if it is UTF-8, else as base64. */
import { isUtf8 } from "node:buffer";
import { NegotiatorError } from "../../errors.ts";
import { CHUNK_BYTES } from "../../limits.ts";

/** The member of a `stream.data` message that carries the bytes. */
export type ChunkMembers = { text: string } | { base64: string };

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Returns whether the chunk is text, and shorter as text than as base64. */
export function encodesAsText(bytes: Uint8Array): boolean {
  return isUtf8(bytes) && isShort(bytes);
}

/** Returns the chunk as text, or as base64 when that is shorter. `bytes` has at most `CHUNK_BYTES`. */
export function encodeChunk(bytes: Uint8Array): ChunkMembers {
  return encodesAsText(bytes) ? { text: utf8.decode(bytes) } : { base64: bytes.toBase64() };
}

/** Returns the bytes of a chunk. Throws `BAD_FRAME` unless it has one valid member of at most 64 KiB. */
export function decodeChunk(members: { text?: string | undefined; base64?: string | undefined }): Uint8Array {
  const { text, base64 } = members;
  if ((text === undefined) === (base64 === undefined))
    throw badChunk('it needs one of "text", "base64" and "bytes"');
  const bytes = text === undefined ? decodeBase64(base64 ?? "") : new TextEncoder().encode(text);
  if (bytes.length > CHUNK_BYTES) throw tooLongChunk();
  return bytes;
}

/** Returns the error for a chunk of more than `CHUNK_BYTES`. */
export function tooLongChunk(): NegotiatorError {
  return badChunk(`it is longer than ${CHUNK_BYTES} bytes`);
}

/** Returns whether a text has so few of the bytes that JSON writes as six that it stays shorter than base64. */
function isShort(bytes: Uint8Array): boolean {
  let most = bytes.length / 16;
  // An index is many times faster than an iterator here.
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index] ?? 0;
    if (byte < 0x20 && !isShortEscape(byte) && --most < 0) return false;
  }
  return true;
}

/** Backspace, tab, line feed, form feed and carriage return: JSON has escapes of two characters for them. */
function isShortEscape(byte: number): boolean {
  return byte >= 0x08 && byte <= 0x0d && byte !== 0x0b;
}

function decodeBase64(base64: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(base64);
  } catch (cause) {
    throw badChunk("its base64 is malformed", cause);
  }
}

function badChunk(reason: string, cause?: unknown): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", `Cannot read a stream chunk: ${reason}`, { cause });
}
