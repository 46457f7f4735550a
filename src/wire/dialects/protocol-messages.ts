/** The notices that the native protocol itself uses: streams, calls, the session. Any other method is the user's. */
import * as v from "valibot";
import { decodeChunk, encodeChunk } from "./chunk.ts";
import { FIRST_FLAW } from "../json.ts";
import type { JsonObject } from "../json.ts";
import type { MessageBody } from "../message.ts";

/** What each is called on the wire. */
const NOTICE_METHODS = {
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

type NoticeKind = keyof typeof NOTICE_METHODS;
export type ProtocolNotice = Extract<MessageBody, { kind: NoticeKind }>;

/** Methods that begin so are the protocol's own; nobody may register one. */
export const RESERVED_METHOD = /^(session|stream|call)\./;

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
export const CallIdSchema = v.union([
  v.pipe(v.string(), v.minLength(1), v.maxLength(64), v.regex(/^[\x21-\x7e]+$/)),
  v.pipe(v.number(), v.safeInteger()),
]);
export const StreamNameSchema = v.pipe(v.string(), v.maxLength(32), v.regex(/^[a-z][a-z0-9-]*$/));

const StreamParams = { call: CallIdSchema, stream: StreamNameSchema };
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

/** The notice that a method names, or undefined when the method is no notice of the protocol. Throws `ValiError`, `BAD_FRAME`. */
export function readNotice(method: unknown, params: unknown): ProtocolNotice | undefined {
  return typeof method === "string" && Object.hasOwn(READERS, method) ? READERS[method]?.(params) : undefined;
}

const READERS: Readonly<Record<string, (params: unknown) => ProtocolNotice>> = {
  [NOTICE_METHODS.data]: (params) => {
    const { call, stream, offset, ...chunk } = v.parse(DataParams, params, FIRST_FLAW);
    return { kind: "data", call, stream, offset, bytes: decodeChunk(chunk) };
  },
  [NOTICE_METHODS.credit]: (params) => ({ kind: "credit", ...v.parse(CreditParams, params, FIRST_FLAW) }),
  [NOTICE_METHODS.end]: (params) => ({ kind: "end", ...v.parse(EndParams, params, FIRST_FLAW) }),
  [NOTICE_METHODS.stop]: (params) => ({ kind: "stop", ...v.parse(StopParams, params, FIRST_FLAW) }),
  [NOTICE_METHODS.cancel]: (params) => ({ kind: "cancel", ...v.parse(CancelParams, params, FIRST_FLAW) }),
  [NOTICE_METHODS.progress]: (params) => ({
    kind: "progress",
    ...v.parse(ProgressParams, params, FIRST_FLAW),
  }),
  [NOTICE_METHODS.attached]: (params) => ({
    kind: "attached",
    ...v.parse(AttachedParams, params, FIRST_FLAW),
  }),
  [NOTICE_METHODS.ack]: (params) => ({ kind: "ack", ...v.parse(ReceivedParams, params, FIRST_FLAW) }),
  [NOTICE_METHODS.ping]: () => ({ kind: "ping" }),
  [NOTICE_METHODS.pong]: () => ({ kind: "pong" }),
  [NOTICE_METHODS.resync]: (params) => ({ kind: "resync", ...v.parse(ReceivedParams, params, FIRST_FLAW) }),
  [NOTICE_METHODS.goodbye]: (params) => ({
    kind: "goodbye",
    ...v.parse(GoodbyeParams, params ?? {}, FIRST_FLAW),
  }),
};

/** The members of a notice's line. */
export function writeNotice(notice: ProtocolNotice): JsonObject {
  const { kind, ...members } = notice;
  return {
    method: NOTICE_METHODS[kind],
    params: "bytes" in members && "offset" in members ? writeData(members) : members,
  };
}

function writeData({ bytes, ...members }: { bytes: Uint8Array }): JsonObject {
  return { ...members, ...encodeChunk(bytes) };
}
