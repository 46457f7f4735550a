/** The part of a pattern between two `**`. The runtime's fast search rules most texts out before a scan. */
import { createGlobScan, SEPARATORS } from "./glob-scan.ts";
import type { GlobToken } from "./glob-scan.ts";

/** A part begins exactly at `from` in the text, or there or later if it floats. */
export type GlobPart = {
  /** Returns the earliest end of the part in the text; -1 if the part is not there. */
  findEnd(text: string, from: number, isFloating: boolean): number;
  /** Whether the part is there, and ends with the text. */
  endsText(text: string, from: number, isFloating: boolean): boolean;
};

/** Creates a part whose wildcards do not take slashes. */
export function createGlobPart(tokens: readonly GlobToken[]): GlobPart {
  const literals = joinLiterals(tokens);
  const [first = ""] = literals;
  if (tokens.every(({ kind }) => kind === "literal")) return createLiteralPart(first);
  const head = tokens[0]?.kind === "literal" ? first : "";
  const tail = tokens.at(-1)?.kind === "literal" ? (literals.at(-1) ?? "") : "";
  const firstWild = tokens.findIndex(({ kind }) => kind !== "literal");
  const floating = createGlobScan(tokens, SEPARATORS.slash);
  const anchored = createGlobScan(tokens.slice(firstWild), SEPARATORS.slash);
  const slashes = tokens.filter((token) => token.kind === "literal" && token.character === "/").length;

  const needed = chooseCharacters(literals);

  /** Returns where the first literal text is; -1 if the literal texts are not all there. */
  const findHead = (text: string, from: number): number => {
    if (!hasAll(text, needed, from)) return -1;
    let end = from;
    let start = from;
    for (const [index, literal] of literals.entries()) {
      const at = text.indexOf(literal, end);
      if (at === -1) return -1;
      if (index === 0 && head !== "") start = at;
      end = at + literal.length;
    }
    return start;
  };

  /** Returns where a scan has to begin; -1 if the part cannot be there. */
  const findStart = (text: string, from: number, isFloating: boolean): number => {
    if (!isFloating && !text.startsWith(head, from)) return -1;
    const place = findHead(text, from);
    return isFloating || place === -1 ? place : from + head.length;
  };

  return {
    findEnd(text, from, isFloating) {
      const start = findStart(text, from, isFloating);
      return start === -1 ? -1 : (isFloating ? floating : anchored).findEnd(text, start, isFloating);
    },
    endsText(text, from, isFloating) {
      if (!text.endsWith(tail)) return false;
      const least = isFloating ? Math.max(from, findLastPart(text, slashes)) : from;
      const start = findStart(text, least, isFloating);
      return start !== -1 && (isFloating ? floating : anchored).endsText(text, start, isFloating);
    },
  };
}

/** Creates a part without runs, whose wildcards take slashes too. So it has as many characters as tokens. */
export function createLoosePart(tokens: readonly GlobToken[]): GlobPart {
  const literals = joinLiterals(tokens);
  if (tokens.every(({ kind }) => kind === "literal")) return createLiteralPart(literals[0] ?? "");
  const needed = chooseCharacters(literals);
  const floating = createGlobScan(tokens, SEPARATORS.none);
  return {
    findEnd(text, from, isFloating) {
      if (!isFloating) return walk(tokens, text, from);
      return hasAll(text, needed, from) ? floating.findEnd(text, from, true) : -1;
    },
    endsText(text, from, isFloating) {
      const start = walkBack(tokens, text);
      return start !== -1 && (isFloating ? start >= from : start === from);
    },
  };
}

/** Returns the end of the tokens that begin at `from`; -1 if they do not stand there. */
function walk(tokens: readonly GlobToken[], text: string, from: number): number {
  let place = from;
  for (const token of tokens) {
    const code = text.codePointAt(place);
    if (code === undefined || !takes(token, code)) return -1;
    place += code > 0xffff ? 2 : 1;
  }
  return place;
}

/** Returns the beginning of the tokens that end with the text; -1 if they do not stand there. */
function walkBack(tokens: readonly GlobToken[], text: string): number {
  let place = text.length;
  for (let index = tokens.length - 1; index >= 0; index--) {
    const token = tokens[index];
    const wide = place > 1 ? (text.codePointAt(place - 2) ?? 0) : 0;
    const code = wide > 0xffff ? wide : text.charCodeAt(place - 1);
    if (place === 0 || token === undefined || !takes(token, code)) return -1;
    place -= code > 0xffff ? 2 : 1;
  }
  return place;
}

function takes(token: GlobToken, code: number): boolean {
  return token.kind === "any" || (token.kind === "literal" && token.character.codePointAt(0) === code);
}

/** Returns the beginning of the text's last part that has so many slashes. */
function findLastPart(text: string, slashes: number): number {
  let place = text.length;
  for (let count = 0; count <= slashes; count++) {
    place = place === 0 ? -1 : text.lastIndexOf("/", place - 1);
    if (place === -1) return 0;
  }
  return place + 1;
}

/**
 * Returns one character of each text, not a slash if there is another. The runtime finds a character far
 * faster than a text that begins like much of an argument.
 */
function chooseCharacters(literals: readonly string[]): string[] {
  const characters = literals.map((literal) => /[^/]/su.exec(literal)?.[0] ?? "/");
  return [...new Set(characters)];
}

function hasAll(text: string, characters: readonly string[], from: number): boolean {
  return characters.every((character) => text.includes(character, from));
}

/** Returns the texts between the wildcards, without empty ones. */
function joinLiterals(tokens: readonly GlobToken[]): string[] {
  const texts = [""];
  for (const token of tokens) {
    if (token.kind === "literal") texts.push((texts.pop() ?? "") + token.character);
    else texts.push("");
  }
  return texts.filter((text) => text !== "");
}

function createLiteralPart(literal: string): GlobPart {
  const needed = chooseCharacters([literal]);
  return {
    findEnd(text, from, isFloating) {
      if (!isFloating) return text.startsWith(literal, from) ? from + literal.length : -1;
      if (literal !== "" && !hasAll(text, needed, from)) return -1;
      const at = text.indexOf(literal, from);
      return at === -1 ? -1 : at + literal.length;
    },
    endsText(text, from, isFloating) {
      const start = text.length - literal.length;
      return (isFloating ? start >= from : start === from) && text.endsWith(literal);
    },
  };
}
