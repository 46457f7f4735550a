/** Patterns with wildcards. For every pattern, matching takes time in proportion to the text. */
import { createGlobPart } from "./glob-part.ts";
import type { GlobPart } from "./glob-part.ts";
import type { GlobToken } from "./glob-scan.ts";

/** A parsed pattern. `startsWild`: it begins with a wildcard. `matches` compares the whole text. */
export type Glob = { source: string; startsWild: boolean; matches: (text: string) => boolean };

/**
 * Parses a pattern; every text is a valid one. `*` stands for any characters except `/`, or none; `**` for
 * any characters, or none; `?` for one character except `/`. A backslash makes the next character literal.
 * Upper and lower case differ.
 */
export function parseGlob(source: string): Glob {
  const pieces = splitPattern(source);
  const startsWild = /^[*?]/.test(source);
  const parts = splitAtLongRuns(pieces).map((tokens) => createGlobPart(tokens));
  return { source, startsWild, matches: createPartsMatcher(parts) };
}

/** Returns the pieces of a pattern: runs of `*`, and single characters, some behind a backslash. */
export function splitPattern(source: string): string[] {
  return source.match(/\\.|\*+|./gsu) ?? [];
}

/** Returns whether these parts are in the text in this order, from its beginning to its end. */
export function createPartsMatcher(parts: readonly GlobPart[]): (text: string) => boolean {
  const [first = createGlobPart([]), ...others] = parts;
  return createMatcher(first, others);
}

/** Returns the tokens between the `**`. */
function splitAtLongRuns(pieces: readonly string[]): GlobToken[][] {
  const parts: GlobToken[][] = [[]];
  for (const piece of pieces) {
    if (piece.startsWith("**")) parts.push([]);
    else parts.at(-1)?.push(toToken(piece));
  }
  return parts;
}

function toToken(piece: string): GlobToken {
  if (piece === "?") return { kind: "any" };
  if (piece === "*") return { kind: "run" };
  return { kind: "literal", character: literalOf(piece) };
}

/** Returns the character that a piece of a pattern stands for, if it is not a wildcard. */
export function literalOf(piece: string): string {
  return /^\\./su.test(piece) ? piece.slice(1) : piece;
}

/**
 * A `**` takes any characters, so the earliest end of the part in front of it is the best one. Every part is
 * looked for once.
 */
function createMatcher(first: GlobPart, others: readonly GlobPart[]): Glob["matches"] {
  const middle = others.slice(0, -1);
  const last = others.at(-1);
  if (last === undefined) return (text) => first.endsText(text, 0, false);
  return (text) => {
    let end = first.findEnd(text, 0, false);
    for (const part of middle) {
      if (end === -1) return false;
      end = part.findEnd(text, end, true);
    }
    return end !== -1 && last.endsText(text, end, true);
  };
}
