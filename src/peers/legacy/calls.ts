/** Our calls in the words of python-negotiator, and its answers in ours. */
import * as v from "valibot";
import { NegotiatorError } from "../../errors.ts";
import { ExecuteParams } from "../../methods/execute.ts";
import { clipText } from "../../wire/message.ts";
import type { ExchangeAnswer } from "../queued-peer.ts";
import type { LegacyParams } from "./envelope.ts";
import { fromLegacyResult, readLegacyFailure } from "./text.ts";
import type { LegacyEnd } from "./text.ts";

/** A request of the original: its method with positional and keyword arguments. `name` is our method's. */
export type LegacyRequest = { name: string; method: string } & LegacyParams;

/** `text` is the old server's own account of the failure. */
export type LegacyAnswer = { kind: "result"; result: unknown } | { kind: "failure"; text: string };

/** The methods of ours that python-negotiator has, by other names. */
export const LEGACY_METHODS = ["execute", "list-commands"] as const;

/** The request for one of `LEGACY_METHODS`. Throws `BAD_REQUEST` for input that is not UTF-8. */
export function createLegacyRequest(name: string, params: unknown, input: Uint8Array): LegacyRequest {
  if (name === "list-commands") return { name, method: "list_commands", args: [], kw: {} };
  const { command, args } = v.parse(ExecuteParams, params);
  const text = decodeInput(input);
  const kw = { capture: true, ...(text === "" ? {} : { input: text }) };
  return { name, method: "execute", args: [command, ...args], kw };
}

/**
 * The answer as a result of our method. Throws the error that the old server's text stands for, and
 * `BAD_REQUEST` for a list that is not a list of names. `durationMs` is how long the call took.
 */
export function readLegacyAnswer(
  { name, args: [command] }: LegacyRequest,
  answer: LegacyAnswer,
  durationMs: number,
): ExchangeAnswer {
  if (name === "execute") {
    const { exit, output } = readEnd(answer, String(command));
    const result = { ...exit, timedOut: false, cancelled: false, durationMs };
    return { result, streams: { stdout: new TextEncoder().encode(output) } };
  }
  if (answer.kind === "failure") throw new NegotiatorError("INTERNAL", clipText(answer.text));
  return { result: { commands: readNames(answer.result).map((found) => ({ name: found, kind: "user" })) } };
}

/** An old server reports an exit code in words only, and the output in the same text. */
function readEnd(answer: LegacyAnswer, command: string): LegacyEnd {
  if (answer.kind === "failure") return readLegacyFailure(answer.text, command);
  const text = typeof answer.result === "string" ? answer.result : JSON.stringify(answer.result);
  return { exit: { exitCode: 0, signal: null }, output: fromLegacyResult(text) };
}

function readNames(result: unknown): string[] {
  if (Array.isArray(result) && result.every((name) => typeof name === "string")) return result.toSorted();
  throw new NegotiatorError("BAD_REQUEST", "The old agent's list of commands is not a list of names");
}

function decodeInput(input: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(input);
  } catch (cause) {
    throw new NegotiatorError("BAD_REQUEST", "The old agent takes only UTF-8 text as input", { cause });
  }
}
