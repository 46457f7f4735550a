/** Translates our calls to requests of python-negotiator 0.1 and 0.2, and its answers to our results. */
import * as v from "valibot";
import { NegotiatorError } from "../../errors.ts";
import { ExecuteParams } from "../../methods/execute-schemas.ts";
import { createExecuteAnswer } from "../legacy/calls.ts";
import type { LegacyAnswer } from "../legacy/answer-reader.ts";
import { readLegacyFailure } from "../legacy/text.ts";
import type { ExchangeAnswer } from "../queued/queued-call.ts";
import type { OldestRequest } from "./envelope.ts";
import { findMethod } from "./find-methods.ts";

/** A call of our `execute`, and the request for it. */
export type OldestCall = OldestRequest & { name: string };

/** These releases look for a program, not for a file in a directory of commands. */
const NO_COMMAND_REMEDY = "Use a program that its daemon finds in its PATH, or a whole path";

/** The request that runs a command. `params` are those of our `execute`. */
export function createOldestCall(params: unknown): OldestCall {
  const { command: name, args } = v.parse(ExecuteParams, params);
  const method = findMethod(name);
  // Our commands of these names ignore arguments, and these methods take none.
  if (method !== undefined) return { name, command: method, args: [], kw: {} };
  return { name, command: "execute", args: [name, ...args], kw: { capture: true } };
}

/**
 * The answer as the result of our `execute`. Writes a result that is a list of lines to the output. Throws
 * the error that a failure's text stands for, and `BAD_REQUEST` for a result that is neither text nor lines.
 * `durationMs` is the duration of the call.
 */
export async function readOldestAnswer(
  { name }: OldestCall,
  answer: LegacyAnswer,
  { durationMs, write }: { durationMs: number; write: (bytes: Uint8Array) => Promise<void> },
): Promise<ExchangeAnswer> {
  if (answer.kind === "failure")
    return createExecuteAnswer(readLegacyFailure(answer, name, NO_COMMAND_REMEDY), durationMs);
  if (answer.kind === "result") await write(new TextEncoder().encode(readLines(answer.result)));
  return createExecuteAnswer({ exitCode: 0, signal: null }, durationMs);
}

function readLines(result: unknown): string {
  if (Array.isArray(result) && result.every((line) => typeof line === "string"))
    return result.map((line) => `${line}\n`).join("");
  throw new NegotiatorError("BAD_REQUEST", "The old agent sent a result that is neither text nor lines");
}
