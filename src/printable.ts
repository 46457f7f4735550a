/** Makes text from outside harmless for terminals and logs. */

/**
 * Control characters (C0, C1, DEL), line separators, and the bidirectional marks and overrides, which
 * reorder text on the screen.
 */
// oxlint-disable-next-line no-control-regex -- control characters are what this file is about
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Returns the text with each unsafe character as an escape, such as `\x1b` or `\n`. */
export function printable(text: string): string {
  return text.replace(UNSAFE, escapeCharacter).toWellFormed();
}

/**
 * Returns JSON with each unsafe character as an escape, such as `\u009b`. It still parses to the same value.
 */
export function printableJson(json: string): string {
  return json.replace(UNSAFE, escapeUnit);
}

function escapeCharacter(character: string): string {
  const named = NAMED[character];
  if (named !== undefined) return named;
  const code = character.charCodeAt(0);
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : escapeUnit(character);
}

function escapeUnit(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

const NAMED: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
