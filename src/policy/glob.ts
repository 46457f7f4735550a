/** Patterns with wildcards. Matching takes time in proportion to pattern × text, for every pattern. */

/** A parsed pattern. `startsWild`: it begins with a wildcard. `matches` compares the whole text. */
export type Glob = { source: string; startsWild: boolean; matches: (text: string) => boolean };

/**
 * Parses a pattern; every text is a valid one. `*` stands for any characters except `/`, or none; `**` for
 * any characters, or none; `?` for one character except `/`. A backslash makes the next character literal.
 * Upper and lower case differ.
 */
export function parseGlob(source: string): Glob {
  const tokens = tokenize(source);
  const startsWild = tokens[0]?.kind === "run" || tokens[0]?.kind === "any";
  return { source, startsWild, matches: (text) => matches(tokens, text) };
}

type Token =
  { kind: "literal"; character: string } | { kind: "any" } | { kind: "run"; crossesSlash: boolean };

function tokenize(source: string): Token[] {
  const pieces = source.match(/\\.|\*+|./gsu) ?? [];
  return pieces.map((piece): Token => {
    if (piece === "?") return { kind: "any" };
    if (piece.startsWith("*")) return { kind: "run", crossesSlash: piece.length > 1 };
    return {
      kind: "literal",
      character: piece.length > 1 && piece.startsWith("\\") ? piece.slice(1) : piece,
    };
  });
}

/** Follows all ways at once. `reached[i]` is 1 if the text so far matches the first `i` tokens. */
function matches(tokens: readonly Token[], text: string): boolean {
  let reached = skipRuns(tokens, new Uint8Array(tokens.length + 1).fill(1, 0, 1));
  for (const character of text) {
    const next = new Uint8Array(tokens.length + 1);
    for (const [index, token] of tokens.entries()) {
      if (reached[index] === 0) continue;
      if (token.kind === "run") {
        if (token.crossesSlash || character !== "/") next[index] = 1;
      } else if (token.kind === "any" ? character !== "/" : character === token.character) {
        next[index + 1] = 1;
      }
    }
    if (!next.includes(1)) return false;
    reached = skipRuns(tokens, next);
  }
  return reached[tokens.length] === 1;
}

/** A run may be empty, so a place before a run is also a place after it. */
function skipRuns(tokens: readonly Token[], reached: Uint8Array): Uint8Array {
  for (const [index, token] of tokens.entries()) {
    if (reached[index] === 1 && token.kind === "run") reached[index + 1] = 1;
  }
  return reached;
}
