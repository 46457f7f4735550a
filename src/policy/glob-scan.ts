/**
 * Reads a text once, and follows all ways in which it can match tokens. Each place in the tokens is a bit, so
 * a step for one character costs a few instructions for each 32 places.
 */

/** `any`: one character except the separator. `run`: any number of them. */
export type GlobToken = { kind: "literal"; character: string } | { kind: "any" } | { kind: "run" };

/** A match begins exactly at `from` in the text, or there or later if it floats. */
export type GlobScan = {
  /** Returns the earliest end of a match; -1 if there is none. */
  findEnd(text: string, from: number, isFloating: boolean): number;
  /** Whether a match ends with the text. */
  endsText(text: string, from: number, isFloating: boolean): boolean;
};

/** The separators that a scan can have: ASCII codes, or none. */
export const SEPARATORS = { slash: 0x2f, nul: 0, none: -1 } as const;
type Separator = (typeof SEPARATORS)[keyof typeof SEPARATORS];

/** Creates a scan for the tokens, whose wildcards do not take the separator. */
export function createGlobScan(tokens: readonly GlobToken[], separator: Separator): GlobScan {
  const places = layOut(tokens, separator);
  const isSmall = places.words === 1;
  const scan = isSmall ? scanOneWord : scanWords;
  return {
    findEnd: (text, from, isFloating) => scan(places, text, from, isFloating, false),
    endsText: (text, from, isFloating) => scan(places, text, from, isFloating, true) === text.length,
  };
}

/**
 * The places between the tokens that take one character. Place 0 is before the first of them, and the last
 * place is the end. Lists of bits have `words` numbers for each character.
 */
type Places = {
  words: number;
  /** For each ASCII character, the places that it leads out of. */
  narrow: Int32Array;
  /** The same for other characters that a token names. */
  wide: ReadonlyMap<number, Int32Array>;
  /** The same for all other characters. */
  any: Int32Array;
  /** The places with a run, which takes characters and stays. */
  runs: Int32Array;
  /** The bit of the last place, in the last word. */
  end: number;
  separator: Separator;
};

const ASCII = 128;
const WORD_BITS = 32;

function layOut(tokens: readonly GlobToken[], separator: Separator): Places {
  const takers = tokens.filter(({ kind }) => kind !== "run").length;
  const words = Math.floor(takers / WORD_BITS) + 1;
  const any = new Int32Array(words);
  const runs = new Int32Array(words);
  const named = new Map<number, Int32Array>();
  let place = 0;
  for (const token of tokens) {
    if (token.kind === "run") {
      addBit(runs, place);
      continue;
    }
    if (token.kind === "any") addBit(any, place);
    else {
      const code = token.character.codePointAt(0) ?? 0;
      const bits = named.get(code) ?? new Int32Array(words);
      addBit(bits, place);
      named.set(code, bits);
    }
    place++;
  }
  for (const [code, bits] of named) if (code !== separator) addAll(bits, any);
  const narrow = new Int32Array(ASCII * words);
  for (let code = 0; code < ASCII; code++) {
    const bits = named.get(code) ?? (code === separator ? undefined : any);
    if (bits !== undefined) narrow.set(bits, code * words);
  }
  const wide = new Map([...named].filter(([code]) => code >= ASCII));
  return { words, narrow, wide, any, runs, end: 1 << (place % WORD_BITS), separator };
}

function addBit(bits: Int32Array, place: number): void {
  const word = Math.floor(place / WORD_BITS);
  bits[word] = (bits[word] ?? 0) | (1 << (place % WORD_BITS));
}

function addAll(bits: Int32Array, more: Int32Array): void {
  for (const [word, added] of more.entries()) bits[word] = (bits[word] ?? 0) | added;
}

/** Returns the end of a match; -1 if there is none. With `toEnd`, only a match at the text's end counts. */
function scanOneWord(
  { narrow, wide, any, runs, end, separator }: Places,
  text: string,
  from: number,
  isFloating: boolean,
  toEnd: boolean,
): number {
  const first = isFloating ? 1 : 0;
  const stay = (runs[0] ?? 0) | first;
  const other = any[0] ?? 0;
  const halt = toEnd ? 0 : end;
  const { length } = text;
  let reached = 1;
  if ((reached & halt) !== 0) return from;
  for (let at = from; at < length; at++) {
    const unit = text.charCodeAt(at);
    let out = other;
    if (unit < ASCII) out = narrow[unit] ?? 0;
    else {
      const code = text.codePointAt(at) ?? unit;
      if (code > 0xffff) at++;
      if (wide.size > 0) out = wide.get(code)?.[0] ?? other;
    }
    reached = ((reached & out) << 1) | (reached & (unit === separator ? first : stay));
    if (reached === 0) return -1;
    if ((reached & halt) !== 0) return at + 1;
  }
  return (reached & end) === 0 ? -1 : length;
}

/** As `scanOneWord`, for more than 31 tokens. */
function scanWords(
  { words, narrow, wide, any, runs, end, separator }: Places,
  text: string,
  from: number,
  isFloating: boolean,
  toEnd: boolean,
): number {
  const first = isFloating ? 1 : 0;
  const reached = new Int32Array(words);
  reached[0] = 1;
  const last = words - 1;
  for (let at = from; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    let out = narrow;
    let base = unit * words;
    if (unit >= ASCII) {
      const code = text.codePointAt(at) ?? unit;
      if (code > 0xffff) at++;
      out = wide.get(code) ?? any;
      base = 0;
    }
    let carry = 0;
    let alive = 0;
    for (let word = 0; word < words; word++) {
      const before = reached[word] ?? 0;
      const moved = before & (out[base + word] ?? 0);
      const stay = (unit === separator ? 0 : (runs[word] ?? 0)) | (word === 0 ? first : 0);
      const after = (moved << 1) | carry | (before & stay);
      carry = moved >>> (WORD_BITS - 1);
      reached[word] = after;
      alive |= after;
    }
    if (alive === 0) return -1;
    if (!toEnd && ((reached[last] ?? 0) & end) !== 0) return at + 1;
  }
  return ((reached[last] ?? 0) & end) === 0 ? -1 : text.length;
}
