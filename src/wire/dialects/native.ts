/** The native envelope: JSON-RPC 2.0 with a few more members, one message per line (docs/PROTOCOL.md). */
import * as v from "valibot";
import { FAULTS, isFaultCode, NegotiatorError } from "../../errors.ts";
import type { FaultCode } from "../../errors.ts";
import type { Envelope } from "../envelope.ts";
import { FIRST_ISSUE, isJsonObject } from "../json.ts";
import type { JsonObject } from "../json.ts";
import type { Message, MessageBody, WireError } from "../message.ts";
import { shorten } from "../../shorten.ts";
import {
  CallIdSchema,
  readProtocolMessage,
  RESERVED_METHOD,
  StreamNameSchema,
  TotalEntries,
  writeProtocolMessage,
} from "./protocol-messages.ts";

/** The envelope of the native dialect. */
export const native: Envelope = {
  recognises: (object) => object["jsonrpc"] === "2.0",
  decode: decodeObject,
  encode: (message) => new TextEncoder().encode(`${JSON.stringify(toObject(message))}\n`),
};

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Method = v.pipe(v.string(), v.minLength(1), v.maxLength(128), v.regex(/^[\x21-\x7e]+$/));
const Totals = v.record(StreamNameSchema, v.object(TotalEntries));

const Envelope = v.object({ seq: v.exactOptional(v.pipe(Count, v.minValue(1))) });
const RequestEnvelope = v.object({
  id: v.exactOptional(CallIdSchema),
  method: Method,
  params: v.exactOptional(v.unknown()),
  timeoutMs: v.exactOptional(v.pipe(v.number(), v.minValue(1))),
  isDetached: v.exactOptional(v.boolean()),
  streams: v.exactOptional(
    v.object({
      read: v.optional(v.record(StreamNameSchema, Count), {}),
      write: v.optional(v.array(StreamNameSchema), []),
    }),
  ),
});
const ResultEnvelope = v.object({ id: CallIdSchema, result: v.unknown(), streams: v.exactOptional(Totals) });
const FailureEnvelope = v.object({
  id: v.nullable(CallIdSchema),
  error: v.object({ code: v.number(), message: v.string(), data: v.exactOptional(v.unknown()) }),
  streams: v.exactOptional(Totals),
});

/** An invalid body must not leave a gap in the order of messages, so `seq` is read first and kept. */
function decodeObject(object: JsonObject): Message {
  if (!native.recognises(object))
    throw new NegotiatorError("BAD_FRAME", 'Cannot read a message: "jsonrpc" is not "2.0"');
  const envelope = v.safeParse(Envelope, object);
  if (!envelope.success)
    throw new NegotiatorError("BAD_FRAME", 'Cannot read a message: "seq" is not a positive integer');
  return { ...envelope.output, ...decodeBody(object) };
}

function decodeBody(object: JsonObject): MessageBody {
  try {
    if ("method" in object) return decodeRequest(object);
    if ("error" in object) return decodeFailure(object);
    return { kind: "result", ...v.parse(ResultEnvelope, object, FIRST_ISSUE) };
  } catch (thrown) {
    const id = v.safeParse(CallIdSchema, object["id"]);
    return { kind: "invalid", error: describe(thrown), ...(id.success ? { id: id.output } : {}) };
  }
}

function decodeRequest(object: JsonObject): MessageBody {
  const known = readProtocolMessage(object["method"], object["params"]);
  if (known !== undefined) return known;
  const { id, method, params, ...rest } = v.parse(RequestEnvelope, object, FIRST_ISSUE);
  if (RESERVED_METHOD.test(method))
    throw new NegotiatorError("UNKNOWN_METHOD", `No protocol message has the method "${method}"`);
  if (id === undefined) return { kind: "notice", method, params };
  return { kind: "request", id, method, params, ...rest };
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
    case "result":
      return { id: message.id, result: message.result ?? null, streams: message.streams };
    case "failure":
      return { id: message.id ?? null, error: encodeError(message.error), streams: message.streams };
    case "notice":
      return { method: message.method, params: message.params };
    case "invalid":
      throw new NegotiatorError("UNSUPPORTED", "Cannot send an invalid message");
    default:
      return writeProtocolMessage(message);
  }
}

function encodeError({ code, message, data }: WireError): JsonObject {
  return { code: FAULTS[code].rpcCode, message, data: { code, details: data } };
}

function describe(thrown: unknown): NegotiatorError {
  if (!(thrown instanceof v.ValiError)) return NegotiatorError.from(thrown);
  const problems = v.summarize(thrown.issues).replaceAll(/\s+/g, " ");
  return new NegotiatorError("BAD_REQUEST", `Cannot understand a message: ${shorten(problems, 400)}`);
}
