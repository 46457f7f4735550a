/** Checks that the peer can take a message, before the message gets a number. */
import { NegotiatorError } from "../../errors.ts";
import { MESSAGE_MARKS, UNASKED_MARKS } from "../../limits.ts";
import { native } from "../dialects/native.ts";
import { isHello } from "./handshake.ts";
import { parseJsonObject } from "../json.ts";
import type { MessageBody } from "../message.ts";

/**
 * Returns the most bytes that the message's line can have. Throws `TOO_LARGE` when it is longer than
 * `mostBytes` or has too many values, and `BAD_REQUEST` when the peer would not read it as the same message.
 * A numbered message that the peer refuses leaves a gap that no resend can fill, so it must not go out.
 */
export function checkSendable(message: MessageBody, mostBytes: number): number {
  const bytes = encode(message);
  if (bytes.length > mostBytes) throw tooLong(bytes.length, mostBytes);
  const read = decode(bytes, isAnswer(message) ? MESSAGE_MARKS : UNASKED_MARKS);
  if (read.kind === "invalid") throw unencodable(read.error);
  if (read.kind !== message.kind || isHello(read)) throw unencodable("the protocol reserves its method");
  return bytes.length;
}

/** Returns `TOO_LARGE` when a message that was sendable before is longer than `mostBytes`, else undefined. */
export function findExcess(message: MessageBody, mostBytes: number): NegotiatorError | undefined {
  const { length } = encode(message);
  return length > mostBytes ? tooLong(length, mostBytes) : undefined;
}

/** The number of the message is not known yet, so the longest one stands for it. */
function encode(message: MessageBody): Uint8Array {
  try {
    return native.encode({ ...message, seq: Number.MAX_SAFE_INTEGER });
  } catch (cause) {
    throw unencodable(cause);
  }
}

function isAnswer({ kind }: MessageBody): boolean {
  return kind === "result" || kind === "failure";
}

function decode(bytes: Uint8Array, mostMarks: number): MessageBody {
  try {
    return native.decode(parseJsonObject(bytes, mostMarks));
  } catch (cause) {
    throw NegotiatorError.from(cause).code === "TOO_LARGE" ? tooMany(mostMarks) : unencodable(cause);
  }
}

function tooMany(mostMarks: number): NegotiatorError {
  const text = `The message has more than ${mostMarks} values, such as arguments`;
  return new NegotiatorError("TOO_LARGE", text, { remedy: "Give the command a list as its standard input" });
}

function tooLong(bytes: number, mostBytes: number): NegotiatorError {
  const text = `The message has ${bytes} bytes, but the peer takes at most ${mostBytes}`;
  return new NegotiatorError("TOO_LARGE", text, { remedy: "Send long content through a stream" });
}

function unencodable(cause: unknown): NegotiatorError {
  const reason = typeof cause === "string" ? cause : NegotiatorError.from(cause).message;
  return new NegotiatorError("BAD_REQUEST", `Cannot send a message: ${reason}`, { cause });
}
