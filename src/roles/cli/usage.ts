/** What is said when a command line is wrong. */
import { NegotiatorError } from "../../errors.ts";
import { nearest } from "../../nearest.ts";
import { printable } from "../../printable.ts";

/**
 * A `BAD_USAGE` error that names the wrong word, the nearest right one and where help is.
 * `kind` says what was expected there, `word` is undefined when nothing was given.
 */
export function usageError(
  kind: string,
  word: string | undefined,
  allowed: readonly string[],
  help: string,
): NegotiatorError {
  // Every option of one letter is one letter away from any other: that would be no guess but a die.
  const [guess] = word === undefined || word.length < 3 ? [] : nearest(word, allowed);
  const problem = word === undefined ? `missing ${kind}` : `unknown ${kind} "${printable(word)}"`;
  const hint = guess === undefined ? `one of: ${allowed.join(", ")}` : `did you mean "${guess}"?`;
  return new NegotiatorError("BAD_USAGE", `${problem}: ${hint} (see ${help})`);
}
