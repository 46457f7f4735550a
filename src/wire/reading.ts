/** Reads the bytes of one frame as a native message, or as the object of another dialect. */
import { NegotiatorError } from "../errors.ts";
import { native } from "./dialects/native.ts";
import { parseJsonObject } from "./json.ts";
import type { JsonObject } from "./json.ts";
import type { Message } from "./message.ts";

/** A native message, an object of another dialect, or the reason why the frame is neither. */
export type Reading =
  | { kind: "native"; message: Message }
  | { kind: "foreign"; object: JsonObject }
  | { kind: "unreadable"; error: NegotiatorError };

/**
 * Reads one frame and never throws. `unreadable` carries the error of `parseJsonObject`, or `BAD_FRAME` for
 * a native message whose `seq` is invalid.
 */
export function readFrame(bytes: Uint8Array): Reading {
  try {
    const object = parseJsonObject(bytes);
    if (!native.recognises(object)) return { kind: "foreign", object };
    return { kind: "native", message: native.decode(object) };
  } catch (thrown) {
    return { kind: "unreadable", error: NegotiatorError.from(thrown) };
  }
}
