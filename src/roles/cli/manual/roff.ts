/** Writes roff for man(7): text, headings, paragraphs. */

/** Returns text in which no character has a meaning for roff. */
export function escapeRoff(text: string): string {
  return text
    .replace(/[\\'`^~-]/g, (character) => ESCAPES[character] ?? character)
    .replace(/[^\x20-\x7e\n]/gu, (character) => NON_ASCII[character] ?? unicodeName(character))
    .replace(/^\./gm, "\\&.");
}

const ESCAPES: Record<string, string> = {
  "\\": "\\e",
  "'": "\\(aq",
  "`": "\\(ga",
  "^": "\\(ha",
  "~": "\\(ti",
  "-": "\\-",
};

/** Characters that a terminal without UTF-8 has in another form. */
const NON_ASCII: Record<string, string> = { "…": "...", "·": "*", "→": "\\->" };

function unicodeName(character: string): string {
  return `\\[u${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}]`;
}

/** Returns text as one argument of a macro. */
export function macroWord(text: string): string {
  return `"${escapeRoff(text).replaceAll('"', "\\(dq").replaceAll("\n", " ")}"`;
}

/** Returns bold text. */
export function bold(text: string): string {
  return `\\fB${escapeRoff(text)}\\fR`;
}

/** Returns text as a word that the reader replaces. */
export function italic(text: string): string {
  return text === "" ? "" : `\\fI${escapeRoff(text)}\\fR`;
}

/** Returns a paragraph. */
export function paragraph(roff: string): string {
  return `.PP\n${roff}`;
}

/** Returns an indented item under a tag. Both are roff. */
export function tagged(tag: string, body: string): string {
  return `.TP\n${tag}\n${body === "" ? "\\&" : body}`;
}

/** Returns lines that are shown as they are. */
export function literal(lines: readonly string[]): string {
  return [".PP", ".RS 4", ".nf", ...lines.map((line) => escapeRoff(line)), ".fi", ".RE"].join("\n");
}

/** Returns the first line of a page. */
export function pageTitle(name: string, section: number, version: string): string {
  const words = [name.toUpperCase(), String(section), "", `negotiator ${version}`, "negotiator"];
  return `.TH ${words.map((word) => macroWord(word)).join(" ")}`;
}
