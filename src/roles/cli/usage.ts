/** Makes the error for a wrong command line. */
import { NegotiatorError } from "../../errors.ts";
import { nearest } from "../../nearest.ts";
import { printable } from "../../printable.ts";

/**
 * Returns a `BAD_USAGE` error that names the wrong word. Its remedy has the nearest right word or all of
 * them, and `help`, the command that shows help. `kind` names what was expected; `word` is undefined when
 * there was none.
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
  const hint = guess === undefined ? `Use one of: ${allowed.join(", ")}` : `Did you mean "${guess}"?`;
  return new NegotiatorError("BAD_USAGE", problem, { remedy: `${hint}\n${readHelp(help)}` });
}

/** Returns the remedy that names the command that shows help. */
export function readHelp(help: string): string {
  return `Read the help: ${help}`;
}
