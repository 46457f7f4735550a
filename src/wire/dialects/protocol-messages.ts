/** The native protocol's own messages without an answer, about streams, calls and the session. */
import * as v from "valibot";
import { CHUNK_BYTES } from "../../limits.ts";
import { decodeChunk, encodeChunk, notOneForm, tooLongChunk } from "./chunk.ts";
import { FIRST_ISSUE, isJsonObject } from "../json.ts";
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
const CALL_ID = /^[\x21-\x7e]{1,64}$/;
const STREAM_NAME = /^[a-z][a-z0-9-]{0,31}$/;
/** Checks a call id: 1 to 64 printable ASCII characters. */
export const CallIdSchema = v.pipe(v.string(), v.regex(CALL_ID));
/** Checks a stream name: a lower-case letter, then letters, digits and dashes, 32 characters at most. */
export const StreamNameSchema = v.pipe(v.string(), v.regex(STREAM_NAME));

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
export function readProtocolMessage(method: unknown, params: unknown): MessageBody | undefined {
  return typeof method === "string" && Object.hasOwn(READERS, method) ? READERS[method]?.(params) : undefined;
}

const READERS: Readonly<Record<string, (params: unknown) => MessageBody>> = {
  [METHODS.data]: readData,
  [METHODS.credit]: readCredit,
  [METHODS.end]: (params) => ({ kind: "end", ...v.parse(EndParams, params, FIRST_ISSUE) }),
  [METHODS.stop]: (params) => ({ kind: "stop", ...v.parse(StopParams, params, FIRST_ISSUE) }),
  [METHODS.message](params) {
    const { call, name, value } = v.parse(MessageParams, params, FIRST_ISSUE);
    return { kind: "message", call, name, value };
  },
  [METHODS.begin]: (params) => ({ kind: "begin", ...v.parse(BeginParams, params, FIRST_ISSUE) }),
  [METHODS.ack]: (params) => ({ kind: "ack", ...readReceived(params) }),
  [METHODS.noticeCredit]: (params) => ({
    kind: "noticeCredit",
    ...v.parse(NoticeCreditParams, params, FIRST_ISSUE),
  }),
  [METHODS.ping]: () => ({ kind: "ping" }),
  [METHODS.pong]: () => ({ kind: "pong" }),
  [METHODS.resync]: (params) => ({ kind: "resync", ...readReceived(params) }),
  [METHODS.goodbye]: (params) => ({
    kind: "goodbye",
    ...v.parse(GoodbyeParams, params ?? {}, FIRST_ISSUE),
  }),
};

/** Most messages are chunks and credit, so these are checked by hand. The schemas name an invalid member. */
function readData(params: unknown): MessageBody {
  const place = readPlace(params);
  if (place === undefined || !isJsonObject(params)) return readDataBySchema(params);
  const { offset, bytes: length, crc32 } = params;
  if (!isCount(offset) || !isCount(length) || "text" in params || "base64" in params)
    return readDataBySchema(params);
  if (length > CHUNK_BYTES) throw tooLongChunk();
  if (crc32 === undefined) return { kind: "header", ...place, offset, length };
  return isCount(crc32) ? { kind: "header", ...place, offset, length, crc32 } : readDataBySchema(params);
}

function readDataBySchema(params: unknown): MessageBody {
  const { bytes: length, crc32, text, base64, ...place } = v.parse(DataParams, params, FIRST_ISSUE);
  if (length === undefined) return { kind: "data", ...place, bytes: decodeChunk({ text, base64 }) };
  if (text !== undefined || base64 !== undefined) throw notOneForm();
  if (length > CHUNK_BYTES) throw tooLongChunk();
  return { kind: "header", ...place, length, ...(crc32 === undefined ? {} : { crc32 }) };
}

function readCredit(params: unknown): MessageBody {
  const place = readPlace(params);
  const limit = isJsonObject(params) ? params["limit"] : undefined;
  if (place === undefined || !isCount(limit))
    return { kind: "credit", ...v.parse(CreditParams, params, FIRST_ISSUE) };
  return { kind: "credit", ...place, limit };
}

function readReceived(params: unknown): { received: number } {
  const received = isJsonObject(params) ? params["received"] : undefined;
  return isCount(received) ? { received } : v.parse(ReceivedParams, params, FIRST_ISSUE);
}

function readPlace(params: unknown): { call: string; stream: string } | undefined {
  const { call, stream } = isJsonObject(params) ? params : {};
  const isValid =
    typeof call === "string" && CALL_ID.test(call) && typeof stream === "string" && STREAM_NAME.test(stream);
  return isValid ? { call, stream } : undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
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
