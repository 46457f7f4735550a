/** The texts in TypeScript source, and whether a message can come from them. */
import { maskLiterals } from "./source-scan.ts";

/** Stands in a text for the value of an expression in a template. */
const HOLE = "\0";

/** Every string and template of a file, with one character for each `${…}`. `+` joins strings to one text. */
export function findTexts(source: string): string[] {
  const masked = maskLiterals(source);
  const found: { start: number; end: number; text: string }[] = [];
  let offset = 0;

  const takeString = (quote: string): void => {
    const start = offset;
    const end = masked.indexOf(quote, start + 1);
    offset = end + 1;
    found.push({ start, end: offset, text: unescape(source.slice(start + 1, end)) });
  };
  const takeTemplate = (): void => {
    const start = offset++;
    let text = "";
    while (offset < masked.length && masked[offset] !== "`") {
      if (masked.startsWith("${", offset)) {
        offset += 2;
        takeCode("}");
        text += HOLE;
      } else {
        text += source[offset] ?? "";
      }
      offset++;
    }
    offset++;
    found.push({ start, end: offset, text: unescape(text) });
  };
  const takeCode = (end: string | undefined): void => {
    let depth = 0;
    while (offset < masked.length) {
      const character = masked[offset];
      if (character === '"' || character === "'") takeString(character);
      else if (character === "`") takeTemplate();
      else if (character === end && depth === 0) return;
      else {
        if (character === "{") depth++;
        if (character === "}") depth--;
        offset++;
      }
    }
  };
  takeCode(undefined);

  const texts: string[] = [];
  let endOfLast = -1;
  for (const { start, end, text } of found.toSorted((a, b) => a.start - b.start)) {
    const isJoined = endOfLast !== -1 && /^\s*\+\s*$/.test(masked.slice(endOfLast, start));
    if (isJoined) texts.push(`${texts.pop() ?? ""}${text}`);
    else texts.push(text);
    endOfLast = end;
  }
  return texts;
}

/**
 * Returns a check for messages of one line. A message is known if a text of the source matches it, with or
 * without a value at its end. A value must be a word, words in quotes, or itself a text of the source.
 */
export function createMessageCheck(sources: readonly string[]): (message: string) => boolean {
  const texts = [...new Set(sources.flatMap(findTexts).flatMap((text) => text.split("\n")))];
  const forms = texts.filter((text) => /\p{L}{3}/u.test(text.replaceAll(HOLE, " ")));
  const plain = new Set(forms);
  const patterns = forms.filter((text) => text.includes(HOLE)).map(toPattern);
  const joints = [`${HOLE}: ${HOLE}`, `it ${HOLE}`].map(toPattern);

  const isKnown = (message: string): boolean =>
    plain.has(message) ||
    patterns.some((pattern) => valuesAreKnown(pattern.exec(message))) ||
    joints.some((joint) => valuesAreKnown(joint.exec(message)));
  const valuesAreKnown = (match: RegExpExecArray | null): boolean =>
    match?.slice(1).every((value) => VALUE.test(value) || isKnown(value)) === true;

  return (message) =>
    isKnown(message) ||
    forms.some((text) => text.startsWith(message) && REST.test(text.slice(message.length)));
}

/** A word, or quoted values with commas between them. */
const VALUE = /^(?:\S*|"[^"]*"(?:, "[^"]*")*)$/;
/** The end of a text that only adds one value. */
const REST = /^[:.]? ?\0$/;

function toPattern(text: string): RegExp {
  const parts = text.split(HOLE).map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  // A value in quotes may be anything, so it is not captured.
  return new RegExp(`^${parts.join("(.*?)").replaceAll('"(.*?)"', '"[^"]*"')}$`);
}

function unescape(text: string): string {
  return text.replaceAll(/\\(n|.)/g, (_, character: string) => (character === "n" ? "\n" : character));
}
