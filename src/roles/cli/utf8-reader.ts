/** Reads bytes as UTF-8 while they arrive, and tells control characters from text. */

/** Takes what the reader finds, in its order. */
export type Utf8Listener = {
  /** A character below 0x80. */
  ascii: (byte: number) => void;
  /** A control character from 0x80 to 0x9f, as one byte or as UTF-8. */
  c1: (code: number) => void;
  /** The bytes of any other character. They are valid only during the call. */
  character: (bytes: readonly number[]) => void;
  /** Bytes that are not UTF-8. */
  invalid: () => void;
};

/** Reads one stream. A character may be split between two calls of `push`. */
export type Utf8Reader = {
  push(bytes: Uint8Array): void;
  /** The stream has ended. A character that is not complete is invalid. */
  end(): void;
};

/** Creates a reader. It refuses long forms, surrogates and codes above U+10FFFF, as RFC 3629 asks. */
export function createUtf8Reader({ ascii, c1, character, invalid }: Utf8Listener): Utf8Reader {
  const held: number[] = [];
  let missing = 0;
  let [least, most] = CONTINUATION;

  const begin = (byte: number): void => {
    if (byte < 0x80) return ascii(byte);
    if (byte < 0xa0) return c1(byte);
    if (byte < 0xc2 || byte > 0xf4) return invalid();
    held.push(byte);
    missing = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    [least, most] = SECOND_BYTES[byte] ?? CONTINUATION;
  };
  const complete = (last: number): void => {
    // A character that begins with 0xc2 has two bytes.
    if (held[0] === 0xc2 && last < 0xa0) c1(last);
    else character(held);
    held.length = 0;
  };
  const take = (byte: number): void => {
    if (missing === 0) return begin(byte);
    if (byte < least || byte > most) {
      reset();
      return begin(byte);
    }
    held.push(byte);
    missing--;
    [least, most] = CONTINUATION;
    if (missing === 0) complete(byte);
  };
  const reset = (): void => {
    held.length = missing = 0;
    invalid();
  };

  return {
    push(bytes) {
      for (const byte of bytes) take(byte);
    },
    end() {
      if (missing > 0) reset();
    },
  };
}

type Range = readonly [least: number, most: number];
const CONTINUATION: Range = [0x80, 0xbf];
/** Where the first byte leaves fewer second bytes (Unicode standard, table 3-7). */
const SECOND_BYTES: Readonly<Record<number, Range>> = {
  0xe0: [0xa0, 0xbf],
  0xed: [0x80, 0x9f],
  0xf0: [0x90, 0xbf],
  0xf4: [0x80, 0x8f],
};
