/** Why the host does not answer, in a guest's view. */
import { NegotiatorError } from "../../errors.ts";

/**
 * The error for a host that does not answer. `missing` is why there is no channel to it, if there is none.
 */
export function explainNoAnswer(missing?: NegotiatorError): NegotiatorError {
  if (missing !== undefined)
    return new NegotiatorError("NO_CHANNEL", `The host does not answer: ${missing.message}`);
  return new NegotiatorError("NO_CHANNEL", "No host daemon has connected to this guest yet", {
    remedy: "Start it on the host: negotiator host daemon",
  });
}
