/** Reads a message from a line of JSON. A message with too many values is refused before it is parsed. */
import { NegotiatorError } from "../../errors.ts";
import { MESSAGE_MARKS, UNASKED_MARKS } from "../../limits.ts";
import { native } from "../dialects/native.ts";
import { parseJsonObject } from "../json.ts";
import type { Message } from "../message.ts";

/**
 * Returns the message in a line. Throws if the line is not a message. A message with more than
 * `UNASKED_MARKS` is invalid unless `mayBeAnswer`; it keeps its number and its id if it begins with them.
 */
export function readObject(line: Uint8Array, mayBeAnswer: boolean): Message {
  try {
    return native.decode(parseJsonObject(line, mayBeAnswer ? MESSAGE_MARKS : UNASKED_MARKS));
  } catch (thrown) {
    const refused = NegotiatorError.from(thrown);
    const isInvalid = !mayBeAnswer && refused.code === "TOO_LARGE";
    const message = isInvalid ? readBeginning(line, refused) : undefined;
    if (message === undefined) throw thrown;
    return message;
  }
}

/** The order in which this program writes the first members. An id needs no escapes in this form. */
const BEGINNING =
  /^\{"jsonrpc":"2\.0",(?:"seq":([1-9]\d{0,14}),)?(?:"id":"([!#-[\]-~]{1,64})",)?"(method|result|error)":/;
/** The longest beginning of this form. */
const BEGINNING_BYTES = 150;

/** Without its number, the message would leave a gap that no resend can fill. */
function readBeginning(line: Uint8Array, error: NegotiatorError): Message | undefined {
  const text = Buffer.from(line.buffer, line.byteOffset, Math.min(line.length, BEGINNING_BYTES));
  const found = BEGINNING.exec(text.toString("latin1"));
  if (found === null) return undefined;
  const [, seq, id, member] = found;
  return {
    kind: "invalid",
    error,
    ...(seq === undefined ? {} : { seq: Number(seq) }),
    // The id of an answer is the one of a call of this side.
    ...(id === undefined || member !== "method" ? {} : { id }),
  };
}
