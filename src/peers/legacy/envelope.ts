/**
 * The envelope of python-negotiator: a decimal byte count, LF, and that many bytes of JSON. A request has a
 * method with positional and keyword arguments. An answer has a success flag. Calls have no ids, so a
 * peer makes one at a time.
 */
import { NegotiatorError } from "../../errors.ts";
import { shorten } from "../../shorten.ts";
import type { Envelope } from "../../wire/envelope.ts";
import { asciiJson, encodeLengthPrefixed } from "../../wire/frames/length-prefixed.ts";
import { isJsonObject } from "../../wire/json.ts";
import type { JsonObject } from "../../wire/json.ts";
import type { Message, Request } from "../../wire/message.ts";
import { helloMethod } from "../../wire/session/handshake.ts";

/** The parameters of a python-negotiator request. */
export type LegacyParams = { args: readonly unknown[]; kw: JsonObject };

/** Encodes and decodes python-negotiator's messages. */
export const legacyEnvelope: Envelope = {
  recognises: (object) => !("jsonrpc" in object) && isReadable(object),
  decode: decodeObject,
  encode: (message) => encodeLengthPrefixed(toObject(message)),
};

function isReadable(object: JsonObject): boolean {
  try {
    decodeObject(object);
    return true;
  } catch {
    return false;
  }
}

/** True if the object refuses the hello with this nonce. A late answer to another request does not. */
export function refusesHello({ success = false, error }: JsonObject, nonce: string): boolean {
  return success === false && typeof error === "string" && error.includes(helloMethod(nonce));
}

function decodeObject(object: JsonObject): Message {
  const { success, method } = object;
  if (success === true) return { kind: "result", result: object["result"] ?? null };
  if (success === false) {
    const text = typeof object["error"] === "string" ? object["error"] : asciiJson(object["error"] ?? null);
    return { kind: "failure", error: { code: "INTERNAL", message: text } };
  }
  if (success !== undefined) throw badFrame('"success" is neither true nor false');
  if (typeof method !== "string") throw badFrame('"method" is not a string');
  const { args = [], kw = {} } = object;
  return { kind: "request", method, params: { args, kw } };
}

/**
 * The parameters of a decoded request. Throws `BAD_REQUEST` if they have another form: such a request is
 * answered too, because its caller waits.
 */
export function readLegacyParams({ method, params }: Pick<Request, "method" | "params">): LegacyParams {
  if (isLegacyParams(params)) return params;
  const isList = isJsonObject(params) && Array.isArray(params["args"]);
  const reason = isList ? '"kw" has to be an object' : '"args" has to be a list';
  throw new NegotiatorError("BAD_REQUEST", `Cannot call "${shorten(method, 100)}": ${reason}`);
}

/** Old peers get the members in the original's order, which is that of a Python 2 dict. */
function toObject(message: Message): JsonObject {
  if (message.kind === "result") return { result: message.result, success: true };
  if (message.kind === "failure") return { success: false, error: message.error.message };
  if (message.kind === "request" && isLegacyParams(message.params)) {
    return { args: message.params.args, kw: message.params.kw, method: message.method };
  }
  throw new NegotiatorError(
    "UNSUPPORTED",
    `Cannot send a message of kind "${message.kind}" to a python-negotiator peer`,
  );
}

function isLegacyParams(params: unknown): params is LegacyParams {
  return isJsonObject(params) && Array.isArray(params["args"]) && isJsonObject(params["kw"]);
}

function badFrame(reason: string): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", `Cannot read a python-negotiator message: ${reason}`);
}
