/** The interface of an envelope: how one dialect writes messages as JSON objects, and frames them. */
import type { JsonObject } from "./json.ts";
import type { Message } from "./message.ts";

/** Converts between the messages of one dialect and their objects and bytes. Keeps no state. */
export interface Envelope {
  /** Whether the object is written in this envelope. */
  recognises(object: JsonObject): boolean;
  /**
   * Returns the message of the object. Throws `BAD_FRAME` when the object is not a message of this envelope.
   */
  decode(object: JsonObject): Message;
  /** Returns the framed bytes of the message. Throws `UNSUPPORTED` when the envelope cannot carry it. */
  encode(message: Message): Uint8Array;
}
