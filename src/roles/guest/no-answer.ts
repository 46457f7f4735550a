/** The error that a guest reports when its host does not answer. */
import { NegotiatorError } from "../../errors.ts";

/**
 * The error for a host that does not answer. `missing` is the error that left the guest without a channel;
 * `wasConnected` is true if a host's daemon has answered before.
 */
export function explainNoAnswer(missing?: NegotiatorError, wasConnected = false): NegotiatorError {
  if (missing !== undefined)
    return new NegotiatorError("NO_CHANNEL", `The host does not answer: ${missing.message}`);
  if (wasConnected) {
    return new NegotiatorError("NO_CHANNEL", "The host's daemon answered before, and does not answer now", {
      remedy: "Look at it on the host: systemctl status negotiator-host",
    });
  }
  return new NegotiatorError("NO_CHANNEL", "No host daemon has connected to this guest yet", {
    remedy:
      "Start it on the host: systemctl start negotiator-host, or negotiator host daemon\n" +
      "If it runs, look there whether it knows this guest: negotiator host status",
  });
}
