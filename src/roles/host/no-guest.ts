/** The error for an unknown guest. Command lines need it without all else that guests need. */
import { NegotiatorError } from "../../errors.ts";
import { virshAt } from "../../discovery/attach-line.ts";
import type { StoppedDomains } from "../../discovery/libvirt/stopped.ts";
import { nearest } from "../../nearest.ts";
import { printable } from "../../printable.ts";
import { shellWord } from "../../shell-word.ts";
import { shorten } from "../../shorten.ts";
import { noCallingPort } from "./no-answer.ts";

/** A local user can call a guest of any name. */
const SHOWN_NAME_LENGTH = 100;

/**
 * The error for a name that no running guest has. `known` are the names of the guests; `isNamed` is true if
 * only those of `--socket` count.
 */
export function noGuest(name: string, known: readonly string[], isNamed = false): NegotiatorError {
  // Names are often numbered, so web2 is not a mistyped web1.
  const guesses = nearest(name, known).filter((guess) => withoutDigits(guess) !== withoutDigits(name));
  const remedy =
    guesses.length > 0
      ? `Did you mean ${guesses.map((guess) => `"${guess}"`).join(", ")}?`
      : isNamed
        ? `Use a guest of --socket, as it leaves out all others: ${known.map(shellWord).join(", ")}`
        : "List the guests with: negotiator host list-guests";
  const shown = printable(shorten(name, SHOWN_NAME_LENGTH));
  return new NegotiatorError("NO_GUEST", `No running guest with a negotiator channel is called "${shown}"`, {
    remedy,
  });
}

/**
 * The error for a domain of libvirt that no scan reports; undefined if there is none of this name. `port` is
 * the port that a guest needs.
 */
export async function explainStopped(
  name: string,
  port: string,
  stopped: StoppedDomains | undefined,
  signal: AbortSignal,
): Promise<NegotiatorError | undefined> {
  const domain = await stopped?.find(name, signal);
  if (domain === undefined) return undefined;
  if (domain.isActive) return noCallingPort(name, port, domain.ports, stopped?.connect);
  const remedy = `Start it: ${virshAt(stopped?.connect)} start ${shellWord(name)}`;
  return new NegotiatorError("NO_GUEST", `Guest "${name}" is shut off`, { remedy });
}

function withoutDigits(name: string): string {
  return name.replaceAll(/\d+/g, "0");
}
