/**
 * Splits one string into words as a POSIX shell would: quotes and backslashes, and nothing else that a shell
 * knows.
 */
import { NegotiatorError } from "../../errors.ts";
import { printable } from "../../printable.ts";

/** One word, or the blanks between two; quoted and bare pieces stand side by side in a word. */
const PIECE = /\s+|'([^']*)'|"((?:[^"\\]|\\[^])*)"|\\([^])|([^\s'"\\]+)|(.)/gsu;

/** Throws `BAD_USAGE` when a quote or a backslash has nothing behind it. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (const [piece, single, double, escaped, bare, broken] of text.matchAll(PIECE)) {
    if (broken !== undefined) throw unbalanced(text, piece);
    // A line that goes on: nothing of it is a part of a word.
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

/**
 * Within double quotes a backslash before a line end takes that away, before four other characters only
 * itself.
 */
function unescape(_match: string, character: string): string {
  return character === "\n" ? "" : character;
}

function unbalanced(text: string, piece: string): NegotiatorError {
  const what = piece === "\\" ? "a backslash" : `the quote ${piece}`;
  return new NegotiatorError(
    "BAD_USAGE",
    `Cannot split the command "${printable(text)}": ${what} has no end`,
  );
}
