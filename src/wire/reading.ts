/** The readings that a receiver makes of the bytes of a channel. */
import type { NegotiatorError } from "../errors.ts";
import type { JsonObject } from "./json.ts";
import type { Message } from "./message.ts";

/**
 * `native`: a message. `hello`: a hello, in a listener. `foreign`: an object of
 * another dialect. `unreadable`: a frame was refused, and the next one is whole. `broken`: a frame is torn or
 * is not a frame, so the order of frames is lost. `ignored`: a frame that had to be parsed, and means nothing
 * in this state. `bytes` is the length of the frame.
 */
export type Reading =
  | { kind: "native"; message: Message; bytes: number }
  | { kind: "hello"; message: Message }
  | { kind: "foreign"; object: JsonObject; bytes: number }
  | { kind: "unreadable"; error: NegotiatorError }
  | { kind: "broken"; error: NegotiatorError }
  | { kind: "ignored"; bytes: number };

/** The result of one step of a reader: how many bytes were used, and what was read. */
export type ReadStep = { taken: number; reading?: Reading };

/** Returns the reading of bytes that were parsed and mean nothing, undefined if none were parsed. */
export function ignored(bytes: number): Reading | undefined {
  return bytes === 0 ? undefined : { kind: "ignored", bytes };
}
