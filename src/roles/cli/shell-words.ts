/**
 * Splits one string into words as a POSIX shell would: quotes and backslashes, and nothing else that a shell
 * knows.
 */
import { NegotiatorError } from "../../errors.ts";
import { printable } from "../../printable.ts";

/** Matches blanks, or a piece of a word: quoted and bare pieces may follow each other in one word. */
const PIECE = /\s+|'([^']*)'|"((?:[^"\\]|\\[^])*)"|\\([^])|([^\s'"\\]+)|(.)/gsu;

/** Returns the words. Throws `BAD_USAGE` for a quote or a backslash without an end. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (const [piece, single, double, escaped, bare, broken] of text.matchAll(PIECE)) {
    if (broken !== undefined) throw unbalanced(text, piece);
    // A shell removes both a line end and the backslash before it.
    if (escaped === "\n") continue;
    const part = single ?? double?.replace(/\\(["\\$`\n])/g, unescape) ?? escaped ?? bare;
    if (part !== undefined) word = (word ?? "") + part;
    else if (word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  return word === undefined ? words : [...words, word];
}

/** Within double quotes a backslash before a line end removes it; before four characters, only itself. */
function unescape(_match: string, character: string): string {
  return character === "\n" ? "" : character;
}

function unbalanced(text: string, piece: string): NegotiatorError {
  const what = piece === "\\" ? "a backslash" : `the quote ${piece}`;
  const remedy =
    piece === "\\"
      ? "Remove it, or write \\\\"
      : `Add the closing quote, or write \\${piece} for a quote that is meant`;
  return new NegotiatorError(
    "BAD_USAGE",
    `Cannot split the command "${printable(text)}": ${what} has no end`,
    { remedy },
  );
}
