/** The bytes of JSON tokens, one after the other. Single quotes are quotes too. */

/** The state of a reader inside a token; `start` is between two tokens. */
export type TokenState =
  | "start"
  | "word"
  | "double"
  | "single"
  | "double escape"
  | "single escape"
  | "minus"
  | "zero"
  | "digits"
  | "point"
  | "fraction"
  | "e"
  | "e sign"
  | "exponent";

/**
 * A token after one byte more. `done`: the byte ends it. `before`: it has ended before the byte, which is not
 * part of it. `space`: no token. `wrong`: no token goes on with the byte.
 */
export type TokenStep = TokenState | "done" | "before" | "space" | "wrong";

/** Returns what a token has with one byte more. */
export function stepToken(state: TokenState, byte: number): TokenStep {
  switch (state) {
    case "start":
      return begin(byte);
    case "word":
      return isLetter(byte) ? "word" : "before";
    case "double":
    case "single":
      if (byte === (state === "double" ? DOUBLE_QUOTE : SINGLE_QUOTE)) return "done";
      if (byte === BACKSLASH) return `${state} escape`;
      return isText(byte) ? state : "wrong";
    case "double escape":
      return isText(byte) ? "double" : "wrong";
    case "single escape":
      return isText(byte) ? "single" : "wrong";
    default:
      return stepNumber(state, byte);
  }
}

/** Returns the place of the first byte from `start` on that is not plain text of a string in these quotes. */
export function skipText(bytes: Uint8Array, start: number, state: "double" | "single"): number {
  const quote = state === "double" ? DOUBLE_QUOTE : SINGLE_QUOTE;
  for (let index = start; index < bytes.length; index++) {
    const byte = bytes[index] ?? 0;
    if (byte === quote || byte === BACKSLASH || !isText(byte)) return index;
  }
  return bytes.length;
}

/** How a byte changes the number of open braces and brackets. */
export function nestingOf(byte: number): { braces: number; brackets: number } {
  return {
    braces: Number(byte === OPEN_BRACE) - Number(byte === CLOSE_BRACE),
    brackets: Number(byte === OPEN_BRACKET) - Number(byte === CLOSE_BRACKET),
  };
}

/**
 * Whether a reader that skips bytes after a wrong one reads on with this byte: a control character but the
 * tab, structure, or a byte that UTF-8 never has.
 */
export function endsRecovery(byte: number): boolean {
  return (byte < SPACE && byte !== TAB) || byte >= NEVER || STRUCTURE.has(byte);
}

const TAB = 0x09;
const SPACE = 0x20;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const PLUS = 0x2b;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
/** No byte of UTF-8 is as large. */
const NEVER = 0xfe;

const STRUCTURE: ReadonlySet<number> = new Set(Buffer.from("{}[]:,"));
const SPACES: ReadonlySet<number> = new Set(Buffer.from(" \t\n\r"));

function begin(byte: number): TokenStep {
  if (byte === DOUBLE_QUOTE) return "double";
  if (byte === SINGLE_QUOTE) return "single";
  if (STRUCTURE.has(byte)) return "done";
  if (SPACES.has(byte)) return "space";
  if (isLetter(byte)) return "word";
  return byte === MINUS ? "minus" : beginDigits(byte);
}

type NumberState = Exclude<TokenState, "start" | "word" | `double${string}` | `single${string}`>;

function stepNumber(state: NumberState, byte: number): TokenStep {
  const isDigit = byte >= ZERO && byte <= NINE;
  switch (state) {
    case "minus":
      return beginDigits(byte);
    case "zero":
      return isDigit ? "wrong" : afterDigits(byte);
    case "digits":
      return isDigit ? "digits" : afterDigits(byte);
    case "point":
      return isDigit ? "fraction" : "wrong";
    case "fraction":
      return isDigit ? "fraction" : isE(byte) ? "e" : "before";
    case "e":
      return isDigit ? "exponent" : byte === MINUS || byte === PLUS ? "e sign" : "wrong";
    case "e sign":
      return isDigit ? "exponent" : "wrong";
    default:
      return isDigit ? "exponent" : "before";
  }
}

function beginDigits(byte: number): TokenStep {
  if (byte === ZERO) return "zero";
  return byte > ZERO && byte <= NINE ? "digits" : "wrong";
}

function afterDigits(byte: number): TokenStep {
  if (byte === POINT) return "point";
  return isE(byte) ? "e" : "before";
}

function isE(byte: number): boolean {
  return byte === 0x65 || byte === 0x45;
}

function isLetter(byte: number): boolean {
  return byte >= 0x61 && byte <= 0x7a;
}

function isText(byte: number): boolean {
  return byte >= SPACE && byte < NEVER;
}
