/**
 * The messages of python-negotiator 0.1 and 0.2: a decimal byte count, LF, and that many bytes of JSON
 * without ids. Both sides send requests: an agent turns an unknown command back, and waits for our response.
 */
import { NegotiatorError } from "../../errors.ts";
import { encodeLengthPrefixed } from "../../wire/frames/length-prefixed.ts";
import { isJsonObject } from "../../wire/json.ts";
import type { JsonObject } from "../../wire/json.ts";
import { helloMethod } from "../../wire/session/handshake.ts";
import type { HelloAnswer } from "../dialect.ts";

/** A request: a command with positional and keyword arguments. */
export type OldestRequest = { command: string; args: readonly unknown[]; kw: JsonObject };

/**
 * A message. `text` is the error text of a failure. A request of another form is `malformed`, and is answered
 * too, because its caller waits.
 */
export type OldestMessage =
  | ({ kind: "request" } & OldestRequest)
  | { kind: "malformed"; command: string; reason: string }
  | { kind: "result"; result: unknown }
  | { kind: "failure"; text: string };

/** The command with which an agent reports that a request failed. */
const FAILURE_COMMAND = "send";

/** True if the object is a message of these releases. Their responses are those of the later ones too. */
export function isOldestMessage(object: JsonObject): boolean {
  if ("jsonrpc" in object) return false;
  try {
    readOldestMessage(object);
    return true;
  } catch {
    return false;
  }
}

/** Reads a message. Throws `BAD_FRAME` for an object that is not one. */
export function readOldestMessage(object: JsonObject): OldestMessage {
  const { success, command } = object;
  if (success === true) return { kind: "result", result: object["result"] ?? null };
  if (success === false) return { kind: "failure", text: readError(object) };
  if (success !== undefined) throw badFrame('"success" is neither true nor false');
  if (typeof command !== "string") throw badFrame('"command" is not a string');
  const { arguments: args = [], keyword_arguments: kw = {} } = object;
  if (!Array.isArray(args)) return { kind: "malformed", command, reason: '"arguments" has to be a list' };
  if (!isJsonObject(kw))
    return { kind: "malformed", command, reason: '"keyword_arguments" has to be an object' };
  return { kind: "request", command, args, kw };
}

/** The error text in a request with which an agent reports a failure; undefined for any other request. */
export function readReportedFailure({ command, args: [report] }: OldestRequest): string | undefined {
  const isReport = command === FAILURE_COMMAND && isJsonObject(report) && report["success"] === false;
  return isReport ? readError(report) : undefined;
}

/**
 * Reads the meaning of an object for our hello with this nonce. An agent turns the hello back and repeats
 * the result of our response, and then it owes us nothing. An agent that reports a failure reports it to an
 * earlier caller, and has taken the hello for the response.
 */
export function readHelloAnswer(object: JsonObject, nonce: string): HelloAnswer | undefined {
  if (!isOldestMessage(object)) return undefined;
  const message = readOldestMessage(object);
  const hello = helloMethod(nonce);
  if (message.kind === "result") return message.result === hello ? { kind: "refused" } : undefined;
  if (message.kind !== "request") return undefined;
  if (message.command !== hello && readReportedFailure(message) === undefined) return undefined;
  return { kind: "reply", bytes: encodeGreeting(hello) };
}

/** Encodes a request. */
export function encodeOldestRequest({ command, args, kw }: OldestRequest): Uint8Array {
  return encodeLengthPrefixed({ command, arguments: args, keyword_arguments: kw });
}

/** Encodes a response with a result. */
export function encodeOldestResult(result: unknown): Uint8Array {
  return encodeLengthPrefixed({ success: true, result });
}

/** Encodes a response with an error text. */
export function encodeOldestFailure(text: string): Uint8Array {
  return encodeLengthPrefixed({ success: false, error: text });
}

/**
 * Encodes a frame that is a response with its name as the result, and a request with its name as the command.
 * An agent that waits for a response repeats the result, and any other turns the command back. A response
 * without a command would end an agent that does not wait for one.
 */
export function encodeGreeting(name: string): Uint8Array {
  const request = { command: name, arguments: [], keyword_arguments: {} };
  return encodeLengthPrefixed({ success: true, result: name, ...request });
}

function readError({ error }: JsonObject): string {
  return typeof error === "string" ? error : "an error that is not text";
}

function badFrame(reason: string): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", `Cannot read a message of python-negotiator 0.1 or 0.2: ${reason}`);
}
