/** The native protocol's own messages without an answer, about streams, calls and the session. */
import * as v from "valibot";
import { CHUNK_BYTES } from "../../limits.ts";
import { decodeChunk, encodeChunk, notOneForm, tooLongChunk } from "./chunk.ts";
import { FIRST_ISSUE } from "../json.ts";
import type { JsonObject } from "../json.ts";
import type { MessageBody } from "../message.ts";

const METHODS = {
  data: "stream.data",
  credit: "stream.credit",
  end: "stream.end",
  stop: "stream.stop",
  message: "call.message",
  begin: "call.begin",
  ack: "session.ack",
  noticeCredit: "session.credit",
  ping: "session.ping",
  pong: "session.pong",
  resync: "session.resync",
  goodbye: "session.goodbye",
} as const;

type ProtocolKind = keyof typeof METHODS;
/** A message of the protocol itself. It looks like a notice, but its method is reserved. */
export type ProtocolMessage = Extract<MessageBody, { kind: ProtocolKind }>;

/** The method of a request that attaches to a call. */
export const ATTACH = "call.attach";

/** Matches the methods that belong to the protocol. A user's method must not match. */
export const RESERVED_METHOD = /^(session|stream|call)\./;

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/** Checks a call id: 1 to 64 printable ASCII characters. */
export const CallIdSchema = v.pipe(v.string(), v.minLength(1), v.maxLength(64), v.regex(/^[\x21-\x7e]+$/));
/** Checks a stream name: a lower-case letter, then letters, digits and dashes, 32 characters at most. */
export const StreamNameSchema = v.pipe(v.string(), v.maxLength(32), v.regex(/^[a-z][a-z0-9-]*$/));

const StreamParams = { call: CallIdSchema, stream: StreamNameSchema };
/** The members that carry a `StreamTotal`. */
export const TotalEntries = { bytes: Count, truncated: v.exactOptional(v.boolean()) };
const DataParams = v.object({
  ...StreamParams,
  offset: Count,
  bytes: v.exactOptional(Count),
  crc32: v.exactOptional(Count),
  text: v.exactOptional(v.string()),
  base64: v.exactOptional(v.string()),
});
const CreditParams = v.object({ ...StreamParams, limit: Count });
const EndParams = v.object({ ...StreamParams, ...TotalEntries });
const StopParams = v.object(StreamParams);
/** A message's name is as long as a stream's. */
const MessageParams = v.object({
  call: CallIdSchema,
  name: StreamNameSchema,
  value: v.optional(v.unknown()),
});
const BeginParams = v.object({ call: CallIdSchema, offsets: v.record(StreamNameSchema, Count) });
const ReceivedParams = v.object({ received: Count });
const NoticeCreditParams = v.object({ limit: Count });
const GoodbyeParams = v.object({ reason: v.optional(v.string(), "") });

/**
 * Returns the protocol message that has this method, or undefined when no protocol message has it. Throws
 * `ValiError` or `BAD_FRAME` when the parameters are invalid.
 */
export function readProtocolMessage(method: string, params: unknown): MessageBody | undefined {
  return Object.hasOwn(READERS, method) ? READERS[method]?.(params) : undefined;
}

const READERS: Readonly<Record<string, (params: unknown) => MessageBody>> = {
  [METHODS.data]: readData,
  [METHODS.credit]: (params) => ({ kind: "credit", ...v.parse(CreditParams, params, FIRST_ISSUE) }),
  [METHODS.end]: (params) => ({ kind: "end", ...v.parse(EndParams, params, FIRST_ISSUE) }),
  [METHODS.stop]: (params) => ({ kind: "stop", ...v.parse(StopParams, params, FIRST_ISSUE) }),
  [METHODS.message](params) {
    const { call, name, value } = v.parse(MessageParams, params, FIRST_ISSUE);
    return { kind: "message", call, name, value };
  },
  [METHODS.begin]: (params) => ({ kind: "begin", ...v.parse(BeginParams, params, FIRST_ISSUE) }),
  [METHODS.ack]: (params) => ({ kind: "ack", ...v.parse(ReceivedParams, params, FIRST_ISSUE) }),
  [METHODS.noticeCredit]: (params) => ({
    kind: "noticeCredit",
    ...v.parse(NoticeCreditParams, params, FIRST_ISSUE),
  }),
  [METHODS.ping]: () => ({ kind: "ping" }),
  [METHODS.pong]: () => ({ kind: "pong" }),
  [METHODS.resync]: (params) => ({ kind: "resync", ...v.parse(ReceivedParams, params, FIRST_ISSUE) }),
  [METHODS.goodbye]: (params) => ({
    kind: "goodbye",
    ...v.parse(GoodbyeParams, params ?? {}, FIRST_ISSUE),
  }),
};

function readData(params: unknown): MessageBody {
  const { bytes: length, crc32, text, base64, ...place } = v.parse(DataParams, params, FIRST_ISSUE);
  if (length === undefined) return { kind: "data", ...place, bytes: decodeChunk({ text, base64 }) };
  if (text !== undefined || base64 !== undefined) throw notOneForm();
  if (length > CHUNK_BYTES) throw tooLongChunk();
  return { kind: "header", ...place, length, ...(crc32 === undefined ? {} : { crc32 }) };
}

/** Returns the members that the message has on the wire. */
export function writeProtocolMessage(message: ProtocolMessage): JsonObject {
  const { kind, ...members } = message;
  return {
    method: METHODS[kind],
    params: "bytes" in members && "offset" in members ? writeData(members) : members,
  };
}

function writeData({ bytes, ...members }: { bytes: Uint8Array }): JsonObject {
  return { ...members, ...encodeChunk(bytes) };
}
