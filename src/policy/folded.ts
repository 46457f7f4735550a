/** Text without its upper and lower case, for patterns that must not be walked around by another case. */

/**
 * Two texts that differ only in case have the same `folded` text. A character can become several in it: ß
 * becomes ss. `lower` has as many characters as the text, nearly always; it is undefined if it is `folded`.
 */
export type FoldedText = { folded: string; lower: string | undefined };

/**
 * Folds a text, by Unicode's own rules: also ſ is s, the Kelvin sign is k, and ς is σ. The Turkish İ and ı
 * are i. Accents count, and so does the form of a letter with an accent: one character or two.
 */
export function foldCase(text: string): FoldedText {
  // At the end of a word, the lower case of Σ is another letter.
  const lower = text.toLowerCase().replaceAll("ς", "σ");
  // Upper and lower case of ASCII are ASCII, so nothing else is to be done.
  if (!NOT_ASCII.test(lower)) return { folded: lower, lower: undefined };
  const folded = lower.toUpperCase().toLowerCase().replaceAll("ς", "σ").replaceAll("i\u0307", "i");
  return { folded, lower: lower === folded ? undefined : lower };
}

const NOT_ASCII = /[^\0-\u007f]/;
