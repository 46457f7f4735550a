/** Variables that look like ours and set nothing: a name was mistyped, or it belongs to another program. */
import { nearest } from "../nearest.ts";
import { printable } from "../printable.ts";

/** What our commands are given; one of them may call this program. */
const GIVEN_TO_COMMANDS: ReadonlySet<string> = new Set([
  "NEGOTIATOR_ROLE",
  "NEGOTIATOR_COMMAND",
  "NEGOTIATOR_CALL_ID",
  "NEGOTIATOR_GUEST",
  "NEGOTIATOR_GUEST_UUID",
]);

/** A sentence for each of `names` that is none of the `known` ones, though it begins like them. */
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
