/** The error for an unknown guest. Command lines need it without all else that guests need. */
import { NegotiatorError } from "../../errors.ts";
import { nearest } from "../../nearest.ts";

/** The error for a name that no running guest has. `known` are the names of the guests. */
export function noGuest(name: string, known: readonly string[]): NegotiatorError {
  // Names are often numbered, so web2 is not a mistyped web1.
  const guesses = nearest(name, known).filter((guess) => withoutDigits(guess) !== withoutDigits(name));
  const remedy =
    guesses.length > 0
      ? `Did you mean ${guesses.map((guess) => `"${guess}"`).join(", ")}?`
      : "List the guests with: negotiator host list-guests";
  return new NegotiatorError("NO_GUEST", `No running guest with a negotiator channel is called "${name}"`, {
    remedy,
  });
}

function withoutDigits(name: string): string {
  return name.replaceAll(/\d+/g, "0");
}
