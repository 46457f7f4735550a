/** Judges how a parser refuses its input. */
import { NegotiatorError } from "../../../src/errors.ts";
import type { FaultCode } from "../../../src/errors.ts";

/**
 * Returns what `parse` returns, or undefined if it refuses its input with an error of these codes. Throws any
 * other error: a parser must not show its insides to the user.
 */
export function refusesWith<T>(codes: readonly FaultCode[], parse: () => T): T | undefined {
  try {
    return parse();
  } catch (thrown) {
    if (thrown instanceof NegotiatorError && codes.includes(thrown.code)) return undefined;
    throw thrown;
  }
}
