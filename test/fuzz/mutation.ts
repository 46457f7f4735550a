/** Makes fuzzed input from a corpus. */
import type { Random } from "../support/random.ts";

/** Numbers that are too large, too long or not whole. */
const NUMBERS = ["0", "-1", "1e400", "9007199254740993", "99999999999999999999", "0.5", "7"];
/** A piece is repeated so often that the input has at most so many bytes. */
const REPEATED_BYTES = 32 * 1024;

/** Returns a text of the corpus after up to three changes, or sometimes random bytes. */
export function makeBytes(corpus: readonly Uint8Array[], random: Random): Uint8Array {
  if (random.oneIn(12)) return random.bytes(random.below(300));
  let bytes = new Uint8Array(random.pick(corpus));
  for (let count = random.below(4); count > 0; count--) bytes = mutate(bytes, corpus, random);
  return bytes;
}

/** Returns `makeBytes` as text. Bytes that are not UTF-8 become U+FFFD. */
export function makeText(corpus: readonly Uint8Array[], random: Random): string {
  return new TextDecoder().decode(makeBytes(corpus, random));
}

/** Encodes texts for a corpus. */
export function toCorpus(texts: readonly string[]): Uint8Array[] {
  return texts.map((text) => new TextEncoder().encode(text));
}

/** Yields all bytes in pieces of random lengths. */
export function* pieces(bytes: Uint8Array, random: Random): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length;) {
    const end = start + 1 + random.below(bytes.length);
    yield bytes.subarray(start, end);
    start = end;
  }
}

/** Joins bytes. */
export function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(parts));
}

function mutate(bytes: Uint8Array, corpus: readonly Uint8Array[], random: Random): Uint8Array<ArrayBuffer> {
  const at = random.below(bytes.length + 1);
  const to = at + random.below(bytes.length - at + 1);
  const other = random.pick(corpus);
  switch (random.below(8)) {
    case 0: {
      const flipped = new Uint8Array(bytes);
      if (at < flipped.length) flipped[at] = (flipped[at] ?? 0) ^ (1 << random.below(8));
      return flipped;
    }
    case 1:
      return bytes.slice(0, at);
    case 2:
      return bytes.slice(at);
    case 3:
      return join(bytes.subarray(0, at), other.subarray(random.below(other.length + 1)));
    case 4:
      return join(bytes.subarray(0, to), bytes.subarray(at));
    case 5:
      return join(bytes.subarray(0, at), bytes.subarray(to));
    case 6:
      return repeatPiece(bytes, at, Math.min(to, at + 1 + random.below(8)), random);
    default:
      return replaceNumbers(bytes, random);
  }
}

/** Deep nesting and long runs show parsers that recurse, or whose time grows with the square. */
function repeatPiece(bytes: Uint8Array, at: number, to: number, random: Random): Uint8Array<ArrayBuffer> {
  const piece = bytes.subarray(at, to);
  const most = piece.length === 0 ? 0 : Math.floor(REPEATED_BYTES / piece.length);
  const count = random.oneIn(20) ? most : random.below(Math.min(most, 40) + 1);
  return join(bytes.subarray(0, to), ...Array.from({ length: count }, () => piece), bytes.subarray(to));
}

function replaceNumbers(bytes: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  const number = random.pick(NUMBERS);
  const text = new TextDecoder("latin1").decode(bytes);
  const replaced = text.replace(/\d+/g, (old) => (random.oneIn(3) ? number : old));
  return new Uint8Array(Buffer.from(replaced, "latin1"));
}
