/** What the two sides can say to each other, whatever dialect it is said in. */
import type { FaultCode } from "../errors.ts";
import { NegotiatorError } from "../errors.ts";

/** Made by the caller; unique among the open calls of both sides. */
export type CallId = string | number;

/** The streams of a call as its caller sees them: those it reads, with their first credit in bytes, and those it writes. */
export type StreamRequest = { read: Readonly<Record<string, number>>; write: readonly string[] };

/** How many bytes a stream had in the end; `truncated` when a limit cut it. */
export type StreamTotal = { bytes: number; truncated?: boolean };
export type StreamTotals = Readonly<Record<string, StreamTotal>>;

export type WireError = { code: FaultCode; message: string; data?: unknown };

export type Request = {
  kind: "request";
  /** Absent where a dialect has no ids: the next answer belongs to it. */
  id?: CallId;
  method: string;
  params: unknown;
  /** Milliseconds that the call may take on the side that runs it. */
  timeoutMs?: number;
  /** The call goes on when its caller is gone. */
  isDetached?: boolean;
  streams?: StreamRequest;
};
export type Result = { kind: "result"; id?: CallId; result: unknown; streams?: StreamTotals };
/** `id` is null for an error that belongs to no call, such as an unreadable frame. */
export type Failure = { kind: "failure"; id?: CallId | null; error: WireError; streams?: StreamTotals };
/** Something one side tells the other, without an answer. */
export type Notice = { kind: "notice"; method: string; params: unknown };

type StreamNotice =
  | { kind: "data"; call: CallId; stream: string; offset: number; bytes: Uint8Array }
  | { kind: "credit"; call: CallId; stream: string; limit: number }
  | ({ kind: "end"; call: CallId; stream: string } & StreamTotal)
  | { kind: "stop"; call: CallId; stream: string };

type CallNotice =
  | { kind: "cancel"; call: CallId; reason?: string }
  | { kind: "progress"; call: CallId; value: unknown }
  | { kind: "attached"; call: CallId; offsets: Readonly<Record<string, number>> };

type SessionNotice =
  | { kind: "ack"; received: number }
  | { kind: "ping" }
  | { kind: "pong" }
  | { kind: "resync"; received: number }
  | { kind: "goodbye"; reason: string };

/** It could be read as far as its place in the order, but makes no sense. */
type Senseless = { kind: "senseless"; id?: CallId; error: NegotiatorError };

export type MessageBody =
  Request | Result | Failure | Notice | StreamNotice | CallNotice | SessionNotice | Senseless;

/** `seq` is its place in the order of its sender's counted messages; absent when it is not counted. */
export type Message = MessageBody & { seq?: number };

/** What a peer is told of an error: code and message, never a stack or a cause. */
export function toWireError(error: NegotiatorError): WireError {
  const { code, message, data } = error;
  return data === undefined ? { code, message } : { code, message, data };
}

/** `keepsLines` is for the words of somebody who may begin a line of our log or on a terminal: this machine's own daemon. */
export function fromWireError({ code, message, data }: WireError, keepsLines = false): NegotiatorError {
  return new NegotiatorError(code, keepsLines ? shorten(message) : clipText(message), { data });
}

/**
 * A peer's words in one line, as far as they fit into a message of ours: they are shown, logged, and passed on. In lines of
 * their own they would look like ours.
 */
export function clipText(text: string): string {
  return shorten(text).replaceAll(/\s*\n\s*/g, "; ");
}

function shorten(text: string): string {
  return text.length <= TEXT_LENGTH ? text : `${text.slice(0, TEXT_LENGTH).toWellFormed()}…`;
}

const TEXT_LENGTH = 1000;
