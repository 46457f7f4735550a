/** Looks whether the other side could take a message, before it has its place in the order. */
import { NegotiatorError } from "../../errors.ts";
import { native } from "../dialects/native.ts";
import { isHello } from "./handshake.ts";
import { parseJsonObject } from "../json.ts";
import type { MessageBody } from "../message.ts";

/**
 * A counted message that the peer refuses would leave a gap that no resend can fill, so it must never go out. Throws
 * `TOO_LARGE` when it is longer than `mostBytes`, `BAD_REQUEST` when it is not what the peer would read.
 */
export function checkSendable(message: MessageBody, mostBytes: number): void {
  const bytes = encode(message);
  if (bytes.length > mostBytes) throw tooLong(bytes.length, mostBytes);
  const read = decode(bytes);
  if (read.kind === "senseless") throw unsayable(read.error);
  if (read.kind !== message.kind || isHello(read)) throw unsayable(`its method is one of the protocol's own`);
}

/** What keeps a message that was sendable before from a peer that takes only `mostBytes`. */
export function findExcess(message: MessageBody, mostBytes: number): NegotiatorError | undefined {
  const { length } = encode(message);
  return length > mostBytes ? tooLong(length, mostBytes) : undefined;
}

/** With the longest number that it can get. */
function encode(message: MessageBody): Uint8Array {
  try {
    return native.encode({ ...message, seq: Number.MAX_SAFE_INTEGER });
  } catch (cause) {
    throw unsayable(cause);
  }
}

function decode(bytes: Uint8Array): MessageBody {
  try {
    return native.decode(parseJsonObject(bytes));
  } catch (cause) {
    throw unsayable(cause);
  }
}

function tooLong(bytes: number, mostBytes: number): NegotiatorError {
  const text = `The message of ${bytes} bytes is longer than the ${mostBytes} that the other side takes`;
  return new NegotiatorError("TOO_LARGE", text, { remedy: "Send long content through a stream" });
}

function unsayable(cause: unknown): NegotiatorError {
  const why = typeof cause === "string" ? cause : NegotiatorError.from(cause).message;
  return new NegotiatorError("BAD_REQUEST", `Cannot send a message: ${why}`, { cause });
}
