/** The arguments of a call, made ready for many patterns of which each looks for one that fits. */
import { foldCase } from "./folded.ts";
import type { GlobScan } from "./glob-scan.ts";

/** Texts in the two forms of `FoldedText`. `lower` is undefined if it is the same as `folded`. */
export type TextList = { folded: SearchedTexts; lower: SearchedTexts | undefined };

/** A pattern for texts in one form of case. */
export type GlobForm = {
  matches: (text: string) => boolean;
  /** Each of these is in a text that fits, if `END_MARK` stands before and after that text. */
  needed: readonly string[];
  /** Whether a text that holds the one needed text always fits. */
  isDecided: boolean;
  /** Looks at all texts of a list at once; undefined if that is slower than one after the other. */
  scan: GlobScan | undefined;
};

/** Stands between the texts of a list. No argument can hold it. */
export const END_MARK = "\0";

/** Texts in one form. */
export type SearchedTexts = { hasMatch: (form: GlobForm) => boolean };

/** Returns the arguments, and the part of each before its first `=`. */
export function listArguments(args: readonly string[]): TextList {
  const names = args.flatMap((argument) => {
    const end = argument.indexOf("=");
    return end === -1 ? [] : [argument.slice(0, end)];
  });
  const texts = [...args, ...names];
  if (texts.length === 0) return { folded: NO_TEXTS, lower: undefined };
  // Folding one long text is far quicker than many short ones.
  const { folded, lower } = foldCase(texts.join(END_MARK));
  return { folded: createSearch(folded), lower: lower === undefined ? undefined : createSearch(lower) };
}

/** Fewer texts are looked at one after the other. */
const SCANNED_FROM = 64;

const NO_TEXTS: SearchedTexts = { hasMatch: () => false };

/** A search over all texts at once is quick, and rules out most patterns. */
function createSearch(joined: string): SearchedTexts {
  const marked = `${END_MARK}${joined}${END_MARK}`;
  let texts: string[] | undefined;
  return {
    hasMatch({ needed, isDecided, matches, scan }) {
      if (!needed.every((text) => marked.includes(text))) return false;
      if (isDecided) return true;
      texts ??= joined.split(END_MARK);
      if (scan !== undefined && texts.length >= SCANNED_FROM) return scan.findEnd(marked, 0, true) !== -1;
      return texts.some(matches);
    },
  };
}
