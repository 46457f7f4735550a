/** Cuts text from outside, so that a message cannot grow with it. */

/** The first `length` UTF-16 units of `text`, with `…` after them when something was cut; never half a character. */
export function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length).toWellFormed()}…`;
}
