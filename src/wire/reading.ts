/** The readings that a receiver makes of the bytes of a channel. */
import type { NegotiatorError } from "../errors.ts";
import type { JsonObject } from "./json.ts";
import type { Message } from "./message.ts";

/**
 * `native`: a message, with its length on the wire. `hello`: a hello, in a listener. `foreign`: an object of
 * another dialect. `unreadable`: a frame was refused, and the next one is whole. `broken`: a frame is torn or
 * is not a frame, so the order of frames is lost.
 */
export type Reading =
  | { kind: "native"; message: Message; bytes: number }
  | { kind: "hello"; message: Message }
  | { kind: "foreign"; object: JsonObject }
  | { kind: "unreadable"; error: NegotiatorError }
  | { kind: "broken"; error: NegotiatorError };

/** The result of one step of a reader: how many bytes were used, and what was read. */
export type ReadStep = { taken: number; reading?: Reading };
