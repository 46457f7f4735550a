/**
 * The envelope of python-negotiator: a decimal byte count, LF, and that many bytes of JSON. Requests have a method with
 * positional and keyword arguments, answers say whether they succeeded. One call at a time, no ids.
 */
import { NegotiatorError } from "../../errors.ts";
import type { Dialect } from "../dialect.ts";
import { isJsonObject } from "../json.ts";
import type { JsonObject } from "../json.ts";
import type { Message } from "../message.ts";

/** `params` of a legacy request. */
export type LegacyParams = { args: readonly unknown[]; kw: JsonObject };

export const legacy: Dialect = {
  name: "legacy",
  can: { ids: false, streams: false, events: false },
  recognises: (object) => !("jsonrpc" in object) && ("success" in object || "method" in object),
  decode: decodeObject,
  encode: (message) => encodeCounted(toObject(message)),
};

/** A counted frame around any object, in the very bytes that Python's `json.dumps` would give. */
export function encodeCounted(object: JsonObject): Uint8Array {
  const body = pythonJson(object);
  return new TextEncoder().encode(`${body.length}\n${body}`);
}

function decodeObject(object: JsonObject): Message {
  const { success, method } = object;
  if (success === true) return { kind: "result", result: object["result"] ?? null };
  if (success === false) {
    const text = typeof object["error"] === "string" ? object["error"] : pythonJson(object["error"] ?? null);
    return { kind: "failure", error: { code: "INTERNAL", message: text } };
  }
  if (success !== undefined) throw badFrame('"success" is neither true nor false');
  if (typeof method !== "string") throw badFrame('"method" is not a string');
  const { args = [], kw = {} } = object;
  if (!Array.isArray(args)) throw badFrame('"args" is not a list');
  if (!isJsonObject(kw)) throw badFrame('"kw" is not an object');
  const params: LegacyParams = { args, kw };
  return { kind: "request", method, params };
}

/** Members in the order in which the original writes them, which is that of a Python 2 dict. */
function toObject(message: Message): JsonObject {
  if (message.kind === "result") return { result: message.result, success: true };
  if (message.kind === "failure") return { success: false, error: message.error.message };
  if (message.kind === "request" && isLegacyParams(message.params)) {
    return { args: message.params.args, kw: message.params.kw, method: message.method };
  }
  throw new NegotiatorError("UNSUPPORTED", `Cannot say "${message.kind}" to a python-negotiator peer`);
}

function isLegacyParams(params: unknown): params is LegacyParams {
  return isJsonObject(params) && Array.isArray(params["args"]) && isJsonObject(params["kw"]);
}

/** JSON as Python 2 writes it: a blank behind commas and colons, everything outside ASCII escaped. */
function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(", ")}]`;
  if (isJsonObject(value)) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    return `{${members.map(([key, member]) => `${pythonJson(key)}: ${pythonJson(member)}`).join(", ")}}`;
  }
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, escapeUnit);
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function badFrame(flaw: string): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", `Cannot read a python-negotiator message: ${flaw}`);
}
