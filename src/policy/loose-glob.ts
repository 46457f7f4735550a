/**
 * Patterns of rules that deny. A caller must not walk around them, so `*` and `?` take a slash too, and upper
 * and lower case are the same.
 */
import { foldCase } from "./folded.ts";
import type { FoldedText } from "./folded.ts";
import { createPartsMatcher, literalOf, splitPattern } from "./glob.ts";
import { createLoosePart } from "./glob-part.ts";
import { createGlobScan, SEPARATORS } from "./glob-scan.ts";
import type { GlobToken } from "./glob-scan.ts";
import { END_MARK } from "./text-list.ts";
import type { GlobForm, TextList } from "./text-list.ts";

/** A parsed pattern. */
export type LooseGlob = {
  source: string;
  /** Compares the whole text. */
  matches: (text: string) => boolean;
  /** Whether the whole of some text of the list fits. */
  matchesSome: (texts: TextList) => boolean;
};

/** Parses a pattern; every text is a valid one. A backslash makes the next character literal. */
export function parseLooseGlob(source: string): LooseGlob {
  const pieces = splitPattern(source);
  const folded = createForm(pieces, ({ folded: text }) => text);
  // In a folded text one character can have become two, and "?" stands for one of the text itself. The dot
  // above an i is left out of it.
  const isOfLower = pieces.includes("?") || pieces.includes("\u0307");
  const lower = isOfLower ? createForm(pieces, (text) => text.lower ?? text.folded) : undefined;
  return {
    source,
    matches(text) {
      const texts = foldCase(text);
      return (
        folded.matches(texts.folded) || (texts.lower !== undefined && lower?.matches(texts.lower) === true)
      );
    },
    matchesSome: (texts) =>
      texts.folded.hasMatch(folded) || (lower !== undefined && texts.lower?.hasMatch(lower) === true),
  };
}

function createForm(pieces: readonly string[], form: (text: FoldedText) => string): GlobForm {
  const parts: GlobToken[][] = [[]];
  for (const { wildcard, text } of joinLiterals(pieces)) {
    parts.at(-1)?.push(...toTokens(form(foldCase(text))));
    if (wildcard === "?") parts.at(-1)?.push({ kind: "any" });
    else if (wildcard !== undefined) parts.push([]);
  }
  const matches = createPartsMatcher(parts.map((tokens) => createLoosePart(tokens)));
  const needed = parts
    .map((tokens, index) => findNeeded(tokens, { isFirst: index === 0, isLast: index === parts.length - 1 }))
    .filter((text) => text !== "");
  const isLiteral = parts.flat().every(({ kind }) => kind === "literal");
  const isDecided = isLiteral && needed.length <= 1;
  const isSlow = parts.slice(1, -1).some((tokens) => tokens.some(({ kind }) => kind === "any"));
  return { matches, needed, isDecided, scan: isSlow ? createListScan(parts) : undefined };
}

/** A wildcard takes everything but the mark between two texts, so one scan looks at all texts of a list. */
function createListScan(parts: readonly (readonly GlobToken[])[]): GlobForm["scan"] {
  const mark: GlobToken = { kind: "literal", character: END_MARK };
  const between: GlobToken = { kind: "run" };
  const tokens = parts.flatMap((part, index) => (index === 0 ? part : [between, ...part]));
  return createGlobScan([mark, ...tokens, mark], SEPARATORS.nul);
}

/** A text without wildcards, and the wildcard after it; undefined at the end of the pattern. */
type LiteralText = { text: string; wildcard?: string };

/** Folding looks at several characters together, so a pattern is folded as the texts are. */
function joinLiterals(pieces: readonly string[]): LiteralText[] {
  const texts: LiteralText[] = [];
  let text = "";
  for (const piece of pieces) {
    if (piece !== "?" && !piece.startsWith("*")) text += literalOf(piece);
    else {
      texts.push({ text, wildcard: piece });
      text = "";
    }
  }
  return [...texts, { text }];
}

function toTokens(text: string): GlobToken[] {
  return Array.from(text, (character) => ({ kind: "literal", character }));
}

/** Returns the longest text of a part that has no wildcard, with the mark of an end that it stands at. */
function findNeeded(
  tokens: readonly GlobToken[],
  { isFirst, isLast }: Record<"isFirst" | "isLast", boolean>,
): string {
  const texts = [isFirst && tokens.length > 0 ? END_MARK : ""];
  for (const token of tokens) {
    if (token.kind === "literal") texts.push((texts.pop() ?? "") + token.character);
    else texts.push("");
  }
  if (isLast && tokens.length > 0) texts.push((texts.pop() ?? "") + END_MARK);
  // The empty pattern fits an empty text.
  if (isFirst && isLast && tokens.length === 0) return END_MARK + END_MARK;
  return texts.reduce((longest, text) => (text.length > longest.length ? text : longest), "");
}
