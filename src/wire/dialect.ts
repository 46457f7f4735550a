/** A dialect: how messages are written in bytes. Which one is spoken is found out from what the peer says. */
import type { JsonObject } from "./json.ts";
import type { Message } from "./message.ts";

/**
 * An envelope and nothing more: no state, no vocabulary. What a peer says comes parsed, one frame a call.
 */
export interface Dialect {
  readonly name: string;
  /** What the envelope has room for. Without `ids` answers come in the order of the requests. */
  readonly can: { readonly ids: boolean; readonly streams: boolean; readonly events: boolean };
  /** Whether a peer that says this speaks this dialect. Exactly one dialect recognises any message that makes sense. */
  recognises(object: JsonObject): boolean;
  /** Throws `BAD_FRAME` when the object is no message of this dialect. */
  decode(object: JsonObject): Message;
  /** The message with its framing, ready to be written. Throws `UNSUPPORTED` when the dialect has no word for it. */
  encode(message: Message): Uint8Array;
}
