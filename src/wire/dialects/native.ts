/** The native envelope: JSON-RPC 2.0 with a few more members, one message per line (docs/PROTOCOL.md). */
import * as v from "valibot";
import { FAULTS, isFaultCode, NegotiatorError } from "../../errors.ts";
import type { FaultCode } from "../../errors.ts";
import type { Envelope } from "../envelope.ts";
import { FIRST_ISSUE, isJsonObject } from "../json.ts";
import type { JsonObject } from "../json.ts";
import { encodesAsText } from "./chunk.ts";
import { writeBase64Line, writeChunkHeader } from "./chunk-header.ts";
import { holdsOpening } from "../frames/openings.ts";
import type { Message, MessageBody, StreamRequest, WireError } from "../message.ts";
import { shorten } from "../../shorten.ts";
import {
  ATTACH,
  CallIdSchema,
  readProtocolMessage,
  RESERVED_METHOD,
  StreamNameSchema,
  TotalEntries,
  writeProtocolMessage,
} from "./protocol-messages.ts";

/**
 * How stream chunks are written: as JSON only, or with their bytes behind their line. On a port, bytes that
 * hold what a message could begin with stay in JSON, and a dialler adds a checksum.
 */
export type ChunkForm = { isRaw: boolean; isOnPort: boolean; hasChecksum: boolean };

/** Every peer and every person can read this form. */
export const JSON_CHUNKS: ChunkForm = { isRaw: false, isOnPort: false, hasChecksum: false };

/** The envelope of the native dialect. */
export const native: Envelope = {
  recognises: (object) => object["jsonrpc"] === "2.0",
  decode: decodeObject,
  encode: (message) => encodeNative(message, JSON_CHUNKS),
};

/** Returns the message's line, with the bytes of a raw chunk and one more line end behind it. */
export function encodeNative(
  message: Message,
  form: ChunkForm,
  allocate: (bytes: number) => Uint8Array = (bytes) => Buffer.allocUnsafeSlow(bytes),
): Uint8Array {
  if (message.kind === "data" && form.isRaw && !(form.isOnPort && holdsOpening(message.bytes)))
    return encodeRawChunk(message, form, allocate);
  if (message.kind === "data" && !encodesAsText(message.bytes))
    return encodeAscii(writeBase64Line(message), allocate);
  return utf8.encode(`${JSON.stringify(toObject(message))}\n`);
}

function encodeAscii(text: string, allocate: (bytes: number) => Uint8Array): Uint8Array {
  const encoded = allocate(text.length);
  utf8.encodeInto(text, encoded);
  return encoded;
}

function encodeRawChunk(
  { seq, call, stream, offset, bytes }: Message & { kind: "data" },
  { hasChecksum }: ChunkForm,
  allocate: (bytes: number) => Uint8Array,
): Uint8Array {
  const crc32 = hasChecksum ? { crc32: Bun.hash.crc32(bytes) } : {};
  const line = writeChunkHeader({ seq, call, stream, offset, length: bytes.length, ...crc32 });
  const encoded = allocate(line.length + bytes.length + 1);
  utf8.encodeInto(line, encoded);
  encoded.set(bytes, line.length);
  encoded[encoded.length - 1] = LF;
  return encoded;
}

const utf8 = new TextEncoder();
const LF = 0x0a;

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Method = v.pipe(v.string(), v.minLength(1), v.maxLength(128), v.regex(/^[\x21-\x7e]+$/));
/** The checks of an object take a list too. */
const NoList = v.custom<JsonObject>(isJsonObject);
const Totals = v.pipe(NoList, v.record(StreamNameSchema, v.object(TotalEntries)));
const ShortText = v.pipe(v.string(), v.maxLength(256));

const Streams = v.pipe(
  NoList,
  v.object({
    read: v.optional(v.pipe(NoList, v.record(StreamNameSchema, Count)), {}),
    write: v.optional(v.array(StreamNameSchema), []),
  }),
);
const RequestEnvelope = v.object({
  id: v.exactOptional(CallIdSchema),
  method: Method,
  params: v.exactOptional(v.unknown()),
  timeoutMs: v.exactOptional(Count),
  isDetached: v.exactOptional(v.boolean()),
  keepMs: v.exactOptional(Count),
  caller: v.exactOptional(
    v.pipe(
      NoList,
      v.object({
        uid: v.exactOptional(Count),
        name: v.exactOptional(ShortText),
        pid: v.exactOptional(Count),
        program: v.exactOptional(ShortText),
      }),
    ),
  ),
  streams: v.exactOptional(Streams),
});
const AttachEnvelope = v.object({ id: CallIdSchema, streams: v.exactOptional(Streams) });
const ResultEnvelope = v.object({ id: CallIdSchema, result: v.unknown(), streams: v.exactOptional(Totals) });
const FailureEnvelope = v.object({
  id: v.nullable(CallIdSchema),
  error: v.object({ code: v.number(), message: v.string(), data: v.exactOptional(v.unknown()) }),
  streams: v.exactOptional(Totals),
});

/** A message inside a call, but not its request. An invalid one is a breach in that call. */
const MessageOfCall = v.object({
  id: v.exactOptional(v.never()),
  method: v.pipe(v.string(), v.regex(/^(stream|call)\./)),
  params: v.object({ call: CallIdSchema }),
});

/** An invalid body must not leave a gap in the order of messages, so `seq` is read first and kept. */
function decodeObject(object: JsonObject): Message {
  if (!native.recognises(object))
    throw new NegotiatorError("BAD_FRAME", 'Cannot read a message: "jsonrpc" is not "2.0"');
  const { seq } = object;
  if (seq === undefined) return decodeBody(object);
  if (typeof seq !== "number" || !Number.isSafeInteger(seq) || seq < 1)
    throw new NegotiatorError("BAD_FRAME", 'Cannot read a message: "seq" is not a positive integer');
  return { seq, ...decodeBody(object) };
}

function decodeBody(object: JsonObject): MessageBody {
  try {
    if ("method" in object) return "id" in object ? decodeRequest(object) : decodeNotice(object);
    if ("error" in object) return decodeFailure(object);
    return { kind: "result", ...v.parse(ResultEnvelope, object, FIRST_ISSUE) };
  } catch (thrown) {
    const id = v.safeParse(CallIdSchema, object["id"]);
    const call = v.safeParse(MessageOfCall, object);
    if (call.success) return { kind: "invalid", error: describe(thrown, "BAD_FRAME"), ...call.output.params };
    return {
      kind: "invalid",
      error: describe(thrown, "BAD_REQUEST"),
      ...(id.success ? { id: id.output } : {}),
    };
  }
}

function decodeNotice(object: JsonObject): MessageBody {
  const known = readProtocolMessage(object["method"], object["params"]);
  if (known !== undefined) return known;
  const { method, params } = v.parse(RequestEnvelope, object, FIRST_ISSUE);
  return RESERVED_METHOD.test(method) ? { kind: "unknown" } : { kind: "notice", method, params };
}

function decodeRequest(object: JsonObject): MessageBody {
  if (object["method"] === ATTACH) {
    const attach = v.parse(AttachEnvelope, object, FIRST_ISSUE);
    checkNames(attach.streams);
    return { kind: "attach", ...attach };
  }
  const { params, ...rest } = v.parse(RequestEnvelope, object, FIRST_ISSUE);
  if (RESERVED_METHOD.test(rest.method))
    throw new NegotiatorError("UNKNOWN_METHOD", `The protocol has no request "${rest.method}"`);
  checkNames(rest.streams);
  return { kind: "request", params, ...rest };
}

/** A stream flows one way, so its name stands once. */
function checkNames(streams: StreamRequest | undefined): void {
  const names = streams === undefined ? [] : [...Object.keys(streams.read), ...streams.write];
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new NegotiatorError(
      "BAD_REQUEST",
      `Cannot understand a message: it names the stream "${twice}" twice`,
    );
}

function decodeFailure(object: JsonObject): MessageBody {
  const { error, ...rest } = v.parse(FailureEnvelope, object, FIRST_ISSUE);
  return { kind: "failure", ...rest, error: decodeError(error) };
}

/** Other implementations may not send our code in `data.code`, so the number decides then. */
function decodeError({ code, message, data }: { code: number; message: string; data?: unknown }): WireError {
  const { code: sent, details } = isJsonObject(data) ? data : {};
  const known = isFaultCode(sent) ? sent : codeOfNumber(code);
  return { code: known, message, ...(details === undefined ? {} : { data: details }) };
}

function codeOfNumber(rpcCode: number): FaultCode {
  const found = Object.entries(FAULTS).find(([, fault]) => fault.rpcCode === rpcCode)?.[0];
  return isFaultCode(found) ? found : "INTERNAL";
}

function toObject({ seq, ...message }: Message): JsonObject {
  return { jsonrpc: "2.0", seq, ...toBody(message) };
}

function toBody(message: MessageBody): JsonObject {
  switch (message.kind) {
    case "request": {
      const { kind: _, ...members } = message;
      return members;
    }
    case "attach":
      return { id: message.id, method: ATTACH, params: {}, streams: message.streams };
    case "result":
      return { id: message.id, result: message.result ?? null, streams: message.streams };
    case "failure":
      return { id: message.id ?? null, error: encodeError(message.error), streams: message.streams };
    case "notice":
      return { method: message.method, params: message.params };
    case "header":
    case "unknown":
    case "invalid":
      throw new NegotiatorError("UNSUPPORTED", `Cannot send a message of the kind "${message.kind}"`);
    default:
      return writeProtocolMessage(message);
  }
}

function encodeError({ code, message, data }: WireError): JsonObject {
  return { code: FAULTS[code].rpcCode, message, data: { code, details: data } };
}

function describe(thrown: unknown, code: FaultCode): NegotiatorError {
  if (!(thrown instanceof v.ValiError)) return NegotiatorError.from(thrown);
  const place = v.getDotPath(thrown.issues[0]) ?? "params";
  const reason = `its member "${shorten(place, 100)}" is missing or invalid`;
  return new NegotiatorError(code, `Cannot understand a message: ${reason}`);
}
