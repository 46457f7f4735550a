/** Makes the error for a wrong command line. */
import { NegotiatorError } from "../../errors.ts";
import { nearest } from "../../nearest.ts";
import { printable } from "../../printable.ts";

/**
 * Returns a `BAD_USAGE` error that names the wrong word, the nearest right one, and the command that shows
 * help. `kind` names what was expected; `word` is undefined when there was none.
 */
export function usageError(
  kind: string,
  word: string | undefined,
  allowed: readonly string[],
  help: string,
): NegotiatorError {
  // Every one-letter option is one edit away from any other, so that a guess would be arbitrary.
  const [guess] = word === undefined || word.length < 3 ? [] : nearest(word, allowed);
  const problem = word === undefined ? `missing ${kind}` : `unknown ${kind} "${printable(word)}"`;
  const hint = guess === undefined ? `one of: ${allowed.join(", ")}` : `did you mean "${guess}"?`;
  return new NegotiatorError("BAD_USAGE", `${problem}: ${hint} (see ${help})`);
}
