/** Writes a chunk of a stream into a message: as readable text if it is UTF-8, else as base64. */
import { NegotiatorError } from "../../errors.ts";
import { CHUNK_BYTES } from "../../limits.ts";

/** The member of a `stream.data` message that carries the bytes. */
export type ChunkMembers = { text: string } | { base64: string };

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
// oxlint-disable-next-line no-control-regex -- JSON writes each of these control characters as six
const LONG_ESCAPES = /[\u0000-\u0007\u000b\u000e-\u001f]/g;

/** Returns the chunk as text, or as base64 when that is shorter. `bytes` has at most `CHUNK_BYTES`. */
export function encodeChunk(bytes: Uint8Array): ChunkMembers {
  const text = decodeText(bytes);
  return text === undefined ? { base64: bytes.toBase64() } : { text };
}

/** Returns the bytes of a chunk. Throws `BAD_FRAME` unless it has one valid member of at most 32 KiB. */
export function decodeChunk(members: { text?: string; base64?: string }): Uint8Array {
  const { text, base64 } = members;
  if ((text === undefined) === (base64 === undefined)) throw badChunk('it needs one of "text" and "base64"');
  const bytes = text === undefined ? decodeBase64(base64 ?? "") : new TextEncoder().encode(text);
  if (bytes.length > CHUNK_BYTES) throw badChunk(`it is longer than ${CHUNK_BYTES} bytes`);
  return bytes;
}

function decodeText(bytes: Uint8Array): string | undefined {
  try {
    const text = utf8.decode(bytes);
    const escapes = text.match(LONG_ESCAPES)?.length ?? 0;
    return escapes * 5 > bytes.length / 3 ? undefined : text;
  } catch {
    return undefined;
  }
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
