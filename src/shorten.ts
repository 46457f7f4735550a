/** Cuts text from outside, so that messages stay short. */

/**
 * Returns the first `length` UTF-16 units of `text`, and `…` if it was longer. Never ends in half a
 * character.
 */
export function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length).toWellFormed()}…`;
}
