/** The messages that the two sides exchange, independent of any dialect. */
import type { FaultCode } from "../errors.ts";
import { NegotiatorError } from "../errors.ts";
import { shorten } from "../shorten.ts";

/** The caller makes the id. It differs from the ids of all open calls of both sides. */
export type CallId = string | number;

/** The streams that a caller reads, each with its first credit in bytes, and those that it writes. */
export type StreamRequest = { read: Readonly<Record<string, number>>; write: readonly string[] };

/** The final length of a stream, in bytes; `truncated` is true when a limit cut the stream short. */
export type StreamTotal = { bytes: number; truncated?: boolean };
/** The totals of a call's streams, by stream name. */
export type StreamTotals = Readonly<Record<string, StreamTotal>>;

/** An error as it crosses the wire: without stack and cause. */
export type WireError = { code: FaultCode; message: string; data?: unknown };

/** Asks the peer to run a method. */
export type Request = {
  kind: "request";
  /** Absent in a dialect without ids: there the next answer belongs to the request. */
  id?: CallId;
  method: string;
  params: unknown;
  /** The limit for the run on the callee's side, in milliseconds. */
  timeoutMs?: number;
  /** Whether the call goes on after its caller is gone. */
  isDetached?: boolean;
  streams?: StreamRequest;
};
/** Answers a request with success. */
export type Result = { kind: "result"; id?: CallId; result: unknown; streams?: StreamTotals };
/** Answers a request with an error. `id` is null when the error belongs to no call. */
export type Failure = { kind: "failure"; id?: CallId | null; error: WireError; streams?: StreamTotals };
/** A user's message without an answer. */
export type Notice = { kind: "notice"; method: string; params: unknown };

/** A protocol message about one stream of a call. */
export type StreamMessage =
  | { kind: "data"; call: CallId; stream: string; offset: number; bytes: Uint8Array }
  | { kind: "credit"; call: CallId; stream: string; limit: number }
  | ({ kind: "end"; call: CallId; stream: string } & StreamTotal)
  | { kind: "stop"; call: CallId; stream: string };

/** A protocol message about one call. */
type CallControl =
  | { kind: "cancel"; call: CallId; reason?: string }
  | { kind: "progress"; call: CallId; value: unknown }
  | { kind: "attached"; call: CallId; offsets: Readonly<Record<string, number>> };

/** A protocol message about the session. */
type SessionControl =
  | { kind: "ack"; received: number }
  | { kind: "ping" }
  | { kind: "pong" }
  | { kind: "resync"; received: number }
  | { kind: "goodbye"; reason: string };

/** A received message with a readable `seq` and an invalid body. */
type Invalid = { kind: "invalid"; id?: CallId; error: NegotiatorError };

/** Any message without its number. */
export type MessageBody =
  Request | Result | Failure | Notice | StreamMessage | CallControl | SessionControl | Invalid;

/** Any message. `seq` is its number; it is absent from a message without a number. */
export type Message = MessageBody & { seq?: number };

/** Returns the parts of an error that a peer may see: code, message and data. */
export function toWireError(error: NegotiatorError): WireError {
  const { code, message, data } = error;
  return data === undefined ? { code, message } : { code, message, data };
}

/**
 * Returns a peer's error as one of ours. Its message is shortened, and put on one line unless `keepsLines`
 * is true. Only this machine's own daemon may send several lines: they can begin a line of our log or of a
 * terminal.
 */
export function fromWireError({ code, message, data }: WireError, keepsLines = false): NegotiatorError {
  return new NegotiatorError(code, keepsLines ? shorten(message, TEXT_LENGTH) : clipText(message), { data });
}

/**
 * Returns a peer's text on one line of at most 1,000 characters, for a log, a terminal or another message.
 * A second line would look like a line of ours.
 */
export function clipText(text: string): string {
  return shorten(text, TEXT_LENGTH).replaceAll(/\s*\n\s*/g, "; ");
}

const TEXT_LENGTH = 1000;
