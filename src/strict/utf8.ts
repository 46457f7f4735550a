/**
 * Reads bytes that have to be UTF-8. The usual decoders put U+FFFD in the place of others, and that would be
 * another path, another name or another argument.
 */

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Returns the text; undefined for bytes that are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Returns the text of the bytes for a message, with those that are not UTF-8 as `\xff`. */
export function showBytes(bytes: Uint8Array): string {
  let text = decodeUtf8(bytes);
  if (text !== undefined) return text;
  text = "";
  for (let start = 0, next = 1; start < bytes.length; start = next, next++) {
    let character = decodeUtf8(bytes.subarray(start, next));
    while (character === undefined && next < Math.min(start + LONGEST, bytes.length))
      character = decodeUtf8(bytes.subarray(start, ++next));
    if (character === undefined) next = start + 1;
    text += character ?? `\\x${(bytes[start] ?? 0).toString(16).padStart(2, "0")}`;
  }
  return text;
}

/** The most bytes of a character. */
const LONGEST = 4;
