/** Why the host does not answer, as far as a guest can tell. */
import { NegotiatorError } from "../../errors.ts";

/** What to say of a call that could not be sent to the host by its deadline; `missing` is why there is no channel, if so. */
export function explainHostSilence(missing?: NegotiatorError): NegotiatorError {
  if (missing !== undefined)
    return new NegotiatorError("NO_CHANNEL", `The host does not answer: ${missing.message}`);
  return new NegotiatorError("NO_CHANNEL", "The host does not answer: nobody has said hello on the channel", {
    remedy: "Start the daemon on the host: negotiator host daemon",
  });
}
