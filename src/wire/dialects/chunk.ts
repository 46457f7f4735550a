/** A piece of a stream inside a message: as text where it is UTF-8, so that a person can read it, else as base64. */
import { NegotiatorError } from "../../errors.ts";
import { CHUNK_BYTES } from "../../limits.ts";

export type ChunkMembers = { text: string } | { base64: string };

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Control characters that JSON spells with six characters; base64 costs a third, and nobody can read it. */
// oxlint-disable-next-line no-control-regex -- control characters are what is counted
const LONG_ESCAPES = /[\u0000-\u0007\u000b\u000e-\u001f]/g;

/** `bytes` are at most `CHUNK_BYTES`. */
export function encodeChunk(bytes: Uint8Array): ChunkMembers {
  const text = decodeText(bytes);
  return text === undefined ? { base64: bytes.toBase64() } : { text };
}

/** Throws `BAD_FRAME` unless there is exactly one of `text` and `base64`, well-formed and not too long. */
export function decodeChunk(members: { text?: string; base64?: string }): Uint8Array {
  const { text, base64 } = members;
  if ((text === undefined) === (base64 === undefined)) throw badChunk('it needs either "text" or "base64"');
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

function badChunk(flaw: string, cause?: unknown): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", `Cannot read a piece of a stream: ${flaw}`, { cause });
}
