/** The native protocol's own messages without an answer, about streams, calls and the session. */
import * as v from "valibot";
import { decodeChunk, encodeChunk } from "./chunk.ts";
import { FIRST_ISSUE } from "../json.ts";
import type { JsonObject } from "../json.ts";
import type { MessageBody } from "../message.ts";

const METHODS = {
  data: "stream.data",
  credit: "stream.credit",
  end: "stream.end",
  stop: "stream.stop",
  cancel: "call.cancel",
  progress: "call.progress",
  attached: "call.attached",
  ack: "session.ack",
  ping: "session.ping",
  pong: "session.pong",
  resync: "session.resync",
  goodbye: "session.goodbye",
} as const;

type ProtocolKind = keyof typeof METHODS;
/** A message of the protocol itself. It looks like a notice, but its method is reserved. */
export type ProtocolMessage = Extract<MessageBody, { kind: ProtocolKind }>;

/** Matches the methods that belong to the protocol. A user's method must not match. */
export const RESERVED_METHOD = /^(session|stream|call)\./;

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/** Checks a call id: 1 to 64 printable ASCII characters, or an integer. */
export const CallIdSchema = v.union([
  v.pipe(v.string(), v.minLength(1), v.maxLength(64), v.regex(/^[\x21-\x7e]+$/)),
  v.pipe(v.number(), v.safeInteger()),
]);
/** Checks a stream name: a lower-case letter, then letters, digits and dashes, 32 characters at most. */
export const StreamNameSchema = v.pipe(v.string(), v.maxLength(32), v.regex(/^[a-z][a-z0-9-]*$/));

const StreamParams = { call: CallIdSchema, stream: StreamNameSchema };
/** The members that carry a `StreamTotal`. */
export const TotalEntries = { bytes: Count, truncated: v.exactOptional(v.boolean()) };
const DataParams = v.object({
  ...StreamParams,
  offset: Count,
  text: v.exactOptional(v.string()),
  base64: v.exactOptional(v.string()),
});
const CreditParams = v.object({ ...StreamParams, limit: Count });
const EndParams = v.object({ ...StreamParams, ...TotalEntries });
const StopParams = v.object(StreamParams);
const CancelParams = v.object({ call: CallIdSchema, reason: v.exactOptional(v.string()) });
const ProgressParams = v.object({ call: CallIdSchema, value: v.unknown() });
const AttachedParams = v.object({ call: CallIdSchema, offsets: v.record(StreamNameSchema, Count) });
const ReceivedParams = v.object({ received: Count });
const GoodbyeParams = v.object({ reason: v.optional(v.string(), "") });

/**
 * Returns the protocol message that has this method, or undefined when no protocol message has it. Throws
 * `ValiError` or `BAD_FRAME` when the parameters are invalid.
 */
export function readProtocolMessage(method: unknown, params: unknown): ProtocolMessage | undefined {
  return typeof method === "string" && Object.hasOwn(READERS, method) ? READERS[method]?.(params) : undefined;
}

const READERS: Readonly<Record<string, (params: unknown) => ProtocolMessage>> = {
  [METHODS.data]: (params) => {
    const { call, stream, offset, ...chunk } = v.parse(DataParams, params, FIRST_ISSUE);
    return { kind: "data", call, stream, offset, bytes: decodeChunk(chunk) };
  },
  [METHODS.credit]: (params) => ({ kind: "credit", ...v.parse(CreditParams, params, FIRST_ISSUE) }),
  [METHODS.end]: (params) => ({ kind: "end", ...v.parse(EndParams, params, FIRST_ISSUE) }),
  [METHODS.stop]: (params) => ({ kind: "stop", ...v.parse(StopParams, params, FIRST_ISSUE) }),
  [METHODS.cancel]: (params) => ({ kind: "cancel", ...v.parse(CancelParams, params, FIRST_ISSUE) }),
  [METHODS.progress]: (params) => ({
    kind: "progress",
    ...v.parse(ProgressParams, params, FIRST_ISSUE),
  }),
  [METHODS.attached]: (params) => ({
    kind: "attached",
    ...v.parse(AttachedParams, params, FIRST_ISSUE),
  }),
  [METHODS.ack]: (params) => ({ kind: "ack", ...v.parse(ReceivedParams, params, FIRST_ISSUE) }),
  [METHODS.ping]: () => ({ kind: "ping" }),
  [METHODS.pong]: () => ({ kind: "pong" }),
  [METHODS.resync]: (params) => ({ kind: "resync", ...v.parse(ReceivedParams, params, FIRST_ISSUE) }),
  [METHODS.goodbye]: (params) => ({
    kind: "goodbye",
    ...v.parse(GoodbyeParams, params ?? {}, FIRST_ISSUE),
  }),
};

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
