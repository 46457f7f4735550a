/** Warns about `NEGOTIATOR_…` variables that set nothing: mistyped ones, or those of another program. */
import { nearest } from "../nearest.ts";
import { printable } from "../printable.ts";

/** Variables of a command that we run. The command may run this program. */
const GIVEN_TO_COMMANDS: ReadonlySet<string> = new Set([
  "NEGOTIATOR_ROLE",
  "NEGOTIATOR_COMMAND",
  "NEGOTIATOR_CALL_ID",
  "NEGOTIATOR_GUEST",
  "NEGOTIATOR_GUEST_UUID",
]);

/** Returns a warning for each of `names` that starts with `NEGOTIATOR_` and is not in `known`. */
export function warnOfStrays(names: readonly string[], known: readonly string[]): string[] {
  return names
    .filter((name) => /^negotiator_/i.test(name) && !known.includes(name) && !GIVEN_TO_COMMANDS.has(name))
    .map((name) => {
      const [guess] = nearest(name.toUpperCase(), known);
      const hint =
        guess === undefined ? "there is no such setting; print-config shows all" : `did you mean ${guess}?`;
      return `The variable ${printable(name)} sets nothing: ${hint}`;
    });
}
