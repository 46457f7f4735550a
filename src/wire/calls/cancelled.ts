/** The error of a cancelled call, and the reason in it. */
import { NegotiatorError } from "../../errors.ts";
import { isJsonObject } from "../json.ts";
import { clipText } from "../message.ts";

/** Returns the error of a call that was cancelled for this reason. */
export function cancelled(reason = "the caller cancelled it"): NegotiatorError {
  return new NegotiatorError("CANCELLED", `The call was cancelled: ${clipText(reason)}`, {
    data: { reason },
  });
}

/** Returns the reason to pass on when a call ends with this error. */
export function cancelReason({ data, message }: NegotiatorError): string {
  return isJsonObject(data) && typeof data["reason"] === "string" ? data["reason"] : message;
}
