/** Collects the output of a command as text that an old caller can take, and writes it in pieces. */
import { isUtf8 } from "node:buffer";
import { asciiJson } from "../../wire/frames/length-prefixed.ts";
import { hasInnerLineEnd, notUtf8, strip } from "./text.ts";

/** The output of a command. */
export type OutputText = {
  /** Adds a copy of the bytes. */
  add(bytes: Uint8Array): void;
  /** No more bytes come. */
  end(): void;
  /** The number of bytes that came. */
  readonly bytes: number;
  /** Throws `BAD_REQUEST` with Python's text if the output is not UTF-8. */
  check(): void;
  /**
   * Removes the blanks around the text: always, or only if it is a single line. Returns whether something is
   * left.
   */
  strip(when: "always" | "single line"): boolean;
  /** The pieces of the text as UTF-8. */
  toText(): Iterable<Uint8Array>;
  /** The pieces of the text as JSON strings have them, and the bytes of all of them. */
  toJson(): { length: number; pieces: Iterable<Uint8Array> };
};

type Piece = { bytes: Uint8Array; jsonLength: number };

/** Pieces are written in ASCII, so a piece of this size becomes six times as large at most. */
const PIECE_BYTES = 64 * 1024;

/** Creates an empty text. */
export function createOutputText(): OutputText {
  let pieces: Piece[] = [];
  /** The first bytes of a character that is not complete. */
  let begun: Uint8Array = new Uint8Array(0);
  let bytes = 0;
  let keptBytes = 0;
  let invalid: { piece: Uint8Array; offset: number } | undefined;

  const keep = (piece: Uint8Array): void => {
    if (piece.length === 0) return;
    const isValid = isUtf8(piece);
    if (!isValid) invalid ??= { piece, offset: keptBytes };
    keptBytes += piece.length;
    pieces.push(measure(isValid ? piece : new TextEncoder().encode(decode(piece))));
  };

  const addPiece = (part: Uint8Array): void => {
    const all = Buffer.concat([begun, part]);
    const whole = lengthOfWhole(all);
    begun = all.subarray(whole);
    keep(all.subarray(0, whole));
  };

  /** Strips one end of the text. */
  const stripEnd = (take: "shift" | "pop", put: "unshift" | "push"): void => {
    for (let piece = pieces[take](); piece !== undefined; piece = pieces[take]()) {
      const text = decode(piece.bytes);
      const stripped = strip(text);
      if (stripped === "") continue;
      const start = text.indexOf(stripped);
      const kept = take === "shift" ? text.slice(start) : text.slice(0, start + stripped.length);
      pieces[put](measure(new TextEncoder().encode(kept)));
      return;
    }
  };

  return {
    add(part) {
      bytes += part.length;
      for (let start = 0; start < part.length; start += PIECE_BYTES)
        addPiece(part.subarray(start, start + PIECE_BYTES));
    },
    end() {
      keep(begun);
      begun = new Uint8Array(0);
    },
    get bytes() {
      return bytes;
    },
    check() {
      if (invalid !== undefined) throw notUtf8(invalid.piece, invalid.offset);
    },
    strip(when) {
      const isSingle =
        when === "always" || !hasInnerLineEnd(pieces.values().map(({ bytes: one }) => decode(one)));
      if (isSingle) {
        stripEnd("shift", "unshift");
        stripEnd("pop", "push");
      }
      return pieces.length > 0;
    },
    toText: () => pieces.map((piece) => piece.bytes),
    toJson() {
      const given = pieces;
      pieces = [];
      return { length: given.reduce((sum, { jsonLength }) => sum + jsonLength, 0), pieces: encodeAll(given) };
    },
  };
}

function* encodeAll(pieces: readonly Piece[]): Generator<Uint8Array, void, undefined> {
  for (const { bytes } of pieces) yield encodeText(decode(bytes));
}

/** The text as it stands between the quotes of a JSON string in ASCII. */
export function encodeText(text: string): Uint8Array {
  return new TextEncoder().encode(asciiJson(text).slice(1, -1));
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

function measure(bytes: Uint8Array): Piece {
  let jsonLength = 0;
  for (const byte of bytes) jsonLength += JSON_LENGTHS[byte] ?? 0;
  return { bytes, jsonLength };
}

const SHORT_ESCAPES = new Set(Buffer.from('"\\\b\f\n\r\t'));
/** How long a character that begins with the byte is in JSON in ASCII; 0 for its further bytes. */
const JSON_LENGTHS = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (SHORT_ESCAPES.has(byte)) return 2;
  if (byte < 0x20 || byte === 0x7f) return 6;
  if (byte < 0x80) return 1;
  if (byte < 0xc0) return 0;
  return byte < 0xf0 ? 6 : 12;
});

/** The length of the bytes without the beginning of a character at their end. */
function lengthOfWhole(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return bytes.length;
    if (byte < 0xc0) continue;
    const needed = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    return needed > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}
