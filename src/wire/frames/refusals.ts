/** The errors of messages that are thrown away before they are read. */
import { NegotiatorError } from "../../errors.ts";

/** Returns the error for a line of more than `lineBytes`. */
export function tooLong(lineBytes: number): NegotiatorError {
  return new NegotiatorError("TOO_LARGE", `Cannot take a line of more than ${lineBytes} bytes`);
}

/** Stands for a message or a stream that had to give way. An error costs much, so it is made once. */
export const GAVE_WAY = new NegotiatorError(
  "BUSY",
  "Cannot take more: the messages and streams of all peers together need too much memory",
  { remedy: "Call again later, or set a larger limits.sharedBytes on that side" },
);
