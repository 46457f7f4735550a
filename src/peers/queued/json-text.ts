/** Decodes one JSON string piece by piece, without holding it. */
import { NegotiatorError } from "../../errors.ts";

/** A string that is being read. Its opening quote was read before. */
export type JsonText = {
  /**
   * Decodes bytes up to the closing quote. Returns the text as UTF-8, and how many bytes were used. Throws
   * `BAD_FRAME` for what JSON does not allow in a string, and for half of a surrogate pair.
   */
  push(bytes: Uint8Array): { taken: number; text: Uint8Array; isEnded: boolean };
};

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const UNICODE = 0x75;
const FIRST_PRINTABLE = 0x20;
const FIRST_MULTIBYTE = 0x80;
/** The bytes after a backslash, and what they stand for. */
const ESCAPES: ReadonlyMap<number, number> = new Map(
  Object.entries({ '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" }).map(
    ([letter, meaning]) => [letter.charCodeAt(0), meaning.charCodeAt(0)],
  ),
);
/** Decoded text is not longer than its JSON, but for an escape that began in earlier bytes. */
const BEGUN_BYTES = 8;

/** Creates a decoder at the first byte of a string. */
export function createJsonText(): JsonText {
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  /** The letters of an escape that has begun: after a backslash, or after `u`. */
  let escape: "none" | "begun" | "hex" = "none";
  let hexDigits = 0;
  let unit = 0;
  let high = 0;

  const checkUtf8 = (bytes?: Uint8Array): void => {
    try {
      if (bytes === undefined) utf8.decode();
      else utf8.decode(bytes, { stream: true });
    } catch (cause) {
      throw badText("not UTF-8", cause);
    }
  };

  /** Takes a byte of an escape. Returns the code point that it completes. */
  const stepEscape = (byte: number): number | undefined => {
    if (escape === "begun") {
      if (byte === UNICODE) {
        escape = "hex";
        hexDigits = unit = 0;
        return undefined;
      }
      escape = "none";
      const meaning = ESCAPES.get(byte);
      if (meaning === undefined || high !== 0) throw badText(high === 0 ? "an unknown escape" : HALF);
      return meaning;
    }
    const digit = Number.parseInt(String.fromCharCode(byte), 16);
    if (Number.isNaN(digit)) throw badText("an unknown escape");
    unit = unit * 16 + digit;
    if (++hexDigits < 4) return undefined;
    escape = "none";
    return joinPair(unit);
  };

  const joinPair = (found: number): number | undefined => {
    const isLow = found >= 0xdc00 && found <= 0xdfff;
    if (isLow !== (high !== 0)) throw badText(HALF);
    if (found >= 0xd800 && found <= 0xdbff) {
      high = found;
      return undefined;
    }
    const point = isLow ? 0x10000 + (high - 0xd800) * 0x400 + (found - 0xdc00) : found;
    high = 0;
    return point;
  };

  return {
    push(bytes) {
      const text = Buffer.allocUnsafe(bytes.length + BEGUN_BYTES);
      let length = 0;
      let index = 0;
      const end = (isEnded: boolean) => {
        const decoded = new Uint8Array(text.buffer, text.byteOffset, length);
        checkUtf8(decoded);
        if (isEnded) checkUtf8();
        return { taken: index, text: decoded, isEnded };
      };
      while (index < bytes.length) {
        if (escape !== "none") {
          const point = stepEscape(bytes[index++] ?? 0);
          if (point === undefined) continue;
          if (point < FIRST_MULTIBYTE) text[length++] = point;
          else length += text.write(String.fromCodePoint(point), length);
          continue;
        }
        const start = index;
        while (index < bytes.length && isPlain(bytes[index] ?? 0)) index++;
        if (index > start) {
          if (high !== 0) throw badText(HALF);
          text.set(bytes.subarray(start, index), length);
          length += index - start;
        }
        if (index === bytes.length) break;
        const byte = bytes[index++] ?? 0;
        if (byte === BACKSLASH) escape = "begun";
        else if (byte !== QUOTE) throw badText("a control character");
        else if (high !== 0) throw badText(HALF);
        else return end(true);
      }
      return end(false);
    },
  };
}

const HALF = "half of a surrogate pair";

function isPlain(byte: number): boolean {
  return byte >= FIRST_PRINTABLE && byte !== QUOTE && byte !== BACKSLASH;
}

function badText(reason: string, cause?: unknown): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", `Cannot read a text in a message: ${reason}`, { cause });
}
