/** Makes words for the environment of scripts, which use them without quotes. */

/**
 * Returns the text as a word of `[A-Za-z0-9._-]` that does not start with a dot or a dash, so that a script
 * can use it in a file name and a command line without quotes. Such a word is returned unchanged. In others
 * each character that does not fit becomes `_`, and a digest of the text follows after a dash: two texts
 * never have the same word. So a word that ends as such a digest does gets one too. An empty text becomes
 * `_`.
 */
export function safeWord(text: string): string {
  const isPlain = text.length <= MOST_LENGTH && /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(text);
  if (text === "" || (isPlain && !DIGEST.test(text))) return text === "" ? "_" : text;
  const kept = text
    .slice(0, KEPT_LENGTH)
    .replaceAll(/[^A-Za-z0-9._-]/g, "_")
    .replace(/^[.-]/, "_");
  const digest = new Bun.CryptoHasher("sha256").update(text).digest("hex").slice(0, DIGEST_LENGTH);
  return `${kept}-${digest}`;
}

/** Enough that finding two texts with one digest is out of reach. */
const DIGEST_LENGTH = 32;
const DIGEST = new RegExp(`-[0-9a-f]{${DIGEST_LENGTH}}$`);
/** A file name has at most 255 bytes, and a script adds an ending. */
const MOST_LENGTH = 200;
const KEPT_LENGTH = MOST_LENGTH - DIGEST_LENGTH - 1;
