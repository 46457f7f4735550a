/** Warns of variables that look like ours and set nothing, such as a mistyped name. */
import { nearest } from "../nearest.ts";
import { printable } from "../printable.ts";

/** Our commands get these, and a command may call this program. */
const GIVEN_TO_COMMANDS: ReadonlySet<string> = new Set([
  "NEGOTIATOR_ROLE",
  "NEGOTIATOR_COMMAND",
  "NEGOTIATOR_CALL_ID",
  "NEGOTIATOR_GUEST",
  "NEGOTIATOR_GUEST_UUID",
]);

/**
 * Returns a sentence for each of `names` that begins like our variables and sets nothing. `known` are the variables
 * of all settings, `removed` those of settings that have no effect any more.
 */
export function warnOfStrays(
  names: readonly string[],
  { known, removed }: { known: readonly string[]; removed: readonly string[] },
): string[] {
  return names
    .filter((name) => /^negotiator_/i.test(name) && !known.includes(name) && !GIVEN_TO_COMMANDS.has(name))
    .map((name) => {
      if (removed.includes(name)) return `The variable ${name} has no effect any more: remove it`;
      const [guess] = nearest(name.toUpperCase(), known);
      const hint =
        guess === undefined ? "there is no such setting; print-config shows all" : `did you mean ${guess}?`;
      return `The variable ${printable(name)} sets nothing: ${hint}`;
    });
}
