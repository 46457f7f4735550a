/** An envelope: how the messages of one dialect are written as JSON objects, and framed. No state, no I/O. */
import type { JsonObject } from "./json.ts";
import type { Message } from "./message.ts";

export interface Envelope {
  /** Whether the object is written in this envelope. */
  recognises(object: JsonObject): boolean;
  /** Throws `BAD_FRAME` when the object is not a message of this envelope. */
  decode(object: JsonObject): Message;
  /** The message with its framing, ready to be written. Throws `UNSUPPORTED` when the envelope cannot carry it. */
  encode(message: Message): Uint8Array;
}
