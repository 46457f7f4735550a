/** Cuts bytes into JSON objects, by the session's framing: lines and length-prefixed frames. */
import { NegotiatorError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { createFramer } from "../wire/frames/framing.ts";
import { parseJsonObject } from "../wire/json.ts";
import type { JsonObject } from "../wire/json.ts";

/** Cuts the bytes of a channel into the objects of a dialect. */
export type ObjectFramer = {
  /** The objects that end in these bytes, in order, with an error in the place of each invalid object. */
  push(bytes: Uint8Array): Iterable<JsonObject | NegotiatorError>;
};

/** A framer for lines and length-prefixed frames up to these limits. */
export function createObjectFramer(limits: Pick<Limits, "lineBytes" | "lengthPrefixedBytes">): ObjectFramer {
  const framer = createFramer(limits);
  return {
    *push(bytes) {
      for (const frame of framer.push(bytes)) yield frame.kind === "fault" ? frame.error : parse(frame.bytes);
    },
  };
}

function parse(bytes: Uint8Array): JsonObject | NegotiatorError {
  try {
    return parseJsonObject(bytes);
  } catch (thrown) {
    return NegotiatorError.from(thrown);
  }
}
