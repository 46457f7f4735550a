/** The error that a guest reports when its host does not answer. */
import { NegotiatorError } from "../../errors.ts";

/**
 * The error for a host that does not answer. `missing` is the error that left the guest without a channel.
 */
export function explainNoAnswer(missing?: NegotiatorError): NegotiatorError {
  if (missing !== undefined)
    return new NegotiatorError("NO_CHANNEL", `The host does not answer: ${missing.message}`);
  return new NegotiatorError("NO_CHANNEL", "No host daemon has connected to this guest yet", {
    remedy: "Start it on the host: negotiator host daemon",
  });
}
