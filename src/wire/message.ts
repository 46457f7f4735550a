/** The messages that the two sides exchange, independent of any dialect. */
import type { FaultCode } from "../errors.ts";
import { NegotiatorError } from "../errors.ts";
import { shorten } from "../shorten.ts";

/** The caller makes the id, from at least 128 random bits. No other call ever has it. */
export type CallId = string;

/** The streams that a caller reads, each with its first credit in bytes, and those that it writes. */
export type StreamRequest = { read: Readonly<Record<string, number>>; write: readonly string[] };

/** The final length of a stream, in bytes; `truncated` is true when a limit cut the stream short. */
export type StreamTotal = { bytes: number; truncated?: boolean };
/** The totals of a call's streams, by stream name. */
export type StreamTotals = Readonly<Record<string, StreamTotal>>;

/** An error as it crosses the wire: without stack and cause. */
export type WireError = { code: FaultCode; message: string; data?: unknown };

/** The local user and program that a daemon calls for. Only a daemon sets it. */
export type CallerInfo = { uid?: number; name?: string; pid?: number; program?: string };

/** Asks the peer to run a method. */
export type Request = {
  kind: "request";
  /** Absent in a dialect without ids: there the next answer belongs to the request. */
  id?: CallId;
  method: string;
  params: unknown;
  /** The limit for the run on the callee's side, in milliseconds; 0 for none. */
  timeoutMs?: number;
  /** Whether the call goes on after its caller is gone. */
  isDetached?: boolean;
  /** How long the callee keeps the answer for an attach, in milliseconds. The callee may keep it shorter. */
  keepMs?: number;
  caller?: CallerInfo;
  streams?: StreamRequest;
};
/** Asks for the streams and the answer of a call that was started before. It never starts a call. */
export type Attach = { kind: "attach"; id: CallId; streams?: StreamRequest };
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

/**
 * A message inside a call, in either direction. `cancel`, `signal`, `signalled` and `exited` are the names of
 * this version. A receiver ignores other names.
 */
export type CallMessage = { kind: "message"; call: CallId; name: string; value: unknown };

/** Gives the offsets at which streams of a call begin or go on, before their first byte. */
export type Begin = { kind: "begin"; call: CallId; offsets: Readonly<Record<string, number>> };

/** A protocol message about the session. */
type SessionControl =
  | { kind: "ack"; received: number }
  | { kind: "ping" }
  | { kind: "pong" }
  | { kind: "resync"; received: number }
  | { kind: "noticeCredit"; limit: number }
  | { kind: "goodbye"; reason: string };

/** A protocol message that a later version has and this one does not know. */
type Unknown = { kind: "unknown" };

/** A stream chunk whose bytes follow its line, with their checksum. */
export type ChunkHeader = {
  kind: "header";
  call: CallId;
  stream: string;
  offset: number;
  length: number;
  crc32?: number;
};

/** A received message with a readable `seq` and an invalid body. `call` is the call that it is about. */
type Invalid = { kind: "invalid"; id?: CallId; call?: CallId; error: NegotiatorError };

/** Any message without its number. */
export type MessageBody =
  | Request
  | Attach
  | Result
  | Failure
  | Notice
  | StreamMessage
  | ChunkHeader
  | CallMessage
  | Begin
  | SessionControl
  | Unknown
  | Invalid;

/** Any message. `seq` is its number; it is absent from a message without a number. */
export type Message = MessageBody & { seq?: number };

/** Returns the parts of an error that a peer may see: code, message and data. */
export function toWireError(error: NegotiatorError): WireError {
  const { code, message, data } = error;
  return data === undefined ? { code, message } : { code, message, data };
}

/**
 * Returns a peer's error as one of ours. Its message is shortened. Unless `keepsLines` is true, it is put on
 * one line, and its remedy on a second one. Only this machine's own daemon may send other lines: they can
 * look like lines of our log or of a terminal.
 */
export function fromWireError({ code, message, data }: WireError, keepsLines = false): NegotiatorError {
  const text = shorten(message, TEXT_LENGTH);
  return new NegotiatorError(code, keepsLines ? text : separateRemedy(text), { data });
}

/** A remedy is the last line, and begins with a word that no line of a log or a prompt begins with. */
function separateRemedy(text: string): string {
  const [, problem = text, remedy] = /^([^]*?)\s*\n\s*([A-Z][a-z]+ [^\n]*)$/.exec(text) ?? [];
  return remedy === undefined ? clipText(text) : `${clipText(problem)}\n${remedy}`;
}

/**
 * Returns a peer's text on one line of at most 1,000 characters, for a log, a terminal or another message.
 * A second line would look like a line of ours.
 */
export function clipText(text: string): string {
  return shorten(text, TEXT_LENGTH).replaceAll(/\s*\n\s*/g, "; ");
}

const TEXT_LENGTH = 1000;
