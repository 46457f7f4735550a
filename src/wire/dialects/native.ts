/** The native envelope: JSON-RPC 2.0, one message a line, with a few members more. docs/PROTOCOL.md is its specification. */
import * as v from "valibot";
import { FAULTS, isFaultCode, NegotiatorError } from "../../errors.ts";
import type { FaultCode } from "../../errors.ts";
import type { Envelope } from "../envelope.ts";
import { isJsonObject } from "../json.ts";
import type { JsonObject } from "../json.ts";
import type { Message, MessageBody, WireError } from "../message.ts";
import { FIRST_FLAW } from "../json.ts";
import {
  CallIdSchema,
  readNotice,
  RESERVED_METHOD,
  StreamNameSchema,
  TotalEntries,
  writeNotice,
} from "./protocol-messages.ts";

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

/** What stands in front of the message decides its place in the order, so that is read even if the rest makes no sense. */
function decodeObject(object: JsonObject): Message {
  if (!native.recognises(object))
    throw new NegotiatorError("BAD_FRAME", 'Cannot read a message: "jsonrpc" is not "2.0"');
  const envelope = v.safeParse(Envelope, object);
  if (!envelope.success)
    throw new NegotiatorError("BAD_FRAME", 'Cannot read a message: "seq" is no positive integer');
  return { ...envelope.output, ...decodeBody(object) };
}

function decodeBody(object: JsonObject): MessageBody {
  try {
    if ("method" in object) return decodeRequest(object);
    if ("error" in object) return decodeFailure(object);
    return { kind: "result", ...v.parse(ResultEnvelope, object, FIRST_FLAW) };
  } catch (thrown) {
    const id = v.safeParse(CallIdSchema, object["id"]);
    return { kind: "senseless", error: describe(thrown), ...(id.success ? { id: id.output } : {}) };
  }
}

function decodeRequest(object: JsonObject): MessageBody {
  const notice = readNotice(object["method"], object["params"]);
  if (notice !== undefined) return notice;
  const { id, method, params, ...rest } = v.parse(RequestEnvelope, object, FIRST_FLAW);
  if (RESERVED_METHOD.test(method))
    throw new NegotiatorError("UNKNOWN_METHOD", `No notice is called "${method}"`);
  if (id === undefined) return { kind: "notice", method, params };
  return { kind: "request", id, method, params, ...rest };
}

function decodeFailure(object: JsonObject): MessageBody {
  const { error, ...rest } = v.parse(FailureEnvelope, object, FIRST_FLAW);
  return { kind: "failure", ...rest, error: decodeError(error) };
}

/** Our own code travels in `data.code`; an error without one came from another implementation and goes by its number. */
function decodeError({ code, message, data }: { code: number; message: string; data?: unknown }): WireError {
  const { code: spoken, details } = isJsonObject(data) ? data : {};
  const known = isFaultCode(spoken) ? spoken : codeOfNumber(code);
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
    case "senseless":
      throw new NegotiatorError("UNSUPPORTED", "A senseless message is only ever received");
    default:
      return writeNotice(message);
  }
}

function encodeError({ code, message, data }: WireError): JsonObject {
  return { code: FAULTS[code].rpcCode, message, data: { code, details: data } };
}

function describe(thrown: unknown): NegotiatorError {
  if (!(thrown instanceof v.ValiError)) return NegotiatorError.from(thrown);
  const problems = v.summarize(thrown.issues).replaceAll(/\s+/g, " ");
  return new NegotiatorError(
    "BAD_REQUEST",
    `Cannot understand a message: ${problems.slice(0, 400).toWellFormed()}`,
  );
}
