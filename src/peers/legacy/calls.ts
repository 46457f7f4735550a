/** Translates our calls to python-negotiator's requests, and its answers to our results. */
import * as v from "valibot";
import { NegotiatorError } from "../../errors.ts";
import { ExecuteParams } from "../../methods/execute-schemas.ts";
import { clipText } from "../../wire/message.ts";
import type { ExchangeAnswer } from "../queued/queued-call.ts";
import type { LegacyAnswer } from "./answer-reader.ts";
import type { LegacyParams } from "./envelope.ts";
import { readLegacyFailure } from "./text.ts";
import type { LegacyExit } from "./text.ts";

/** A python-negotiator request: its method, positional and keyword arguments. `name` is our method. */
export type LegacyRequest = { name: string; method: string } & LegacyParams;

/** Our methods that python-negotiator has too, under other names. */
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
 * The answer as a result of our method. Throws the error that a failure's text stands for, and `BAD_REQUEST`
 * for output that is not text and a command list that is not a list of names. `durationMs` is the duration of
 * the call.
 */
export function readLegacyAnswer(
  { name, args: [command] }: LegacyRequest,
  answer: LegacyAnswer,
  durationMs: number,
): ExchangeAnswer {
  if (name === "execute") return readEnd(answer, String(command), durationMs);
  if (answer.kind === "failure") throw new NegotiatorError("INTERNAL", clipText(answer.text));
  const names = readNames(answer.kind === "result" ? answer.result : undefined);
  return { result: { commands: names.map((found) => ({ name: found, kind: "user" })) } };
}

/** The exit of a command as the answer to `execute`. `durationMs` is the duration of the call. */
export function createExecuteAnswer(exit: LegacyExit, durationMs: number): ExchangeAnswer {
  return { result: { ...exit, endedBy: "command", durationMs } };
}

function readEnd(answer: LegacyAnswer, command: string, durationMs: number): ExchangeAnswer {
  if (answer.kind === "failure") return createExecuteAnswer(readLegacyFailure(answer, command), durationMs);
  if (answer.kind === "text") return createExecuteAnswer({ exitCode: 0, signal: null }, durationMs);
  throw new NegotiatorError("BAD_REQUEST", "The old agent sent a result that is not text");
}

function readNames(result: unknown): string[] {
  if (Array.isArray(result) && result.every((name) => typeof name === "string")) return result.toSorted();
  throw new NegotiatorError(
    "BAD_REQUEST",
    "The old agent sent a list of commands that is not a list of names",
  );
}

function decodeInput(input: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(input);
  } catch (cause) {
    throw new NegotiatorError("BAD_REQUEST", "The old agent takes only UTF-8 text as input", { cause });
  }
}
