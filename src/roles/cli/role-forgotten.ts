/** The error for a command line that begins with a subcommand, without a role before it. */
import { NegotiatorError } from "../../errors.ts";
import { printable } from "../../printable.ts";
import { shellLine } from "../../shell-word.ts";

/** The words after a subcommand in a guest, where it takes no name of a guest. */
const IN_GUEST = new Map([
  ["execute", " COMMAND [ARG...]"],
  ["list-commands", ""],
  ["check-policy", " COMMAND [ARG...]"],
]);

/** Returns the `BAD_USAGE` error for `words`, all words of the command line. */
export function roleForgotten(words: readonly string[]): NegotiatorError {
  const [first = ""] = words;
  const rest = IN_GUEST.get(first);
  const guest =
    rest === undefined
      ? `In a guest: negotiator guest ${shellLine(words)}`
      : `In a guest, without a guest's name: negotiator guest ${first}${rest}`;
  return new NegotiatorError("BAD_USAGE", `unknown role or option "${printable(first)}"`, {
    remedy: [
      `Put the role first, on the host: negotiator host ${shellLine(words)}`,
      ...(first === "list-guests" ? [] : [guest]),
    ].join("\n"),
  });
}
