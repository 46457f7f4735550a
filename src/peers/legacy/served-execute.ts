/** Runs a command for a python-negotiator, with the texts that its releases have in common. */
import * as v from "valibot";
import { NegotiatorError } from "../../errors.ts";
import { ExecuteResultSchema } from "../../methods/execute-schemas.ts";
import type { ExecuteResult } from "../../methods/execute-schemas.ts";
import { FIRST_ISSUE } from "../../wire/json.ts";
import { createCollectedCall } from "../queued/collected-call.ts";
import type { CollectedAnswer, CollectedCallOptions } from "../queued/collected-call.ts";
import type { ServerLine } from "../dialect.ts";
import type { LegacyParams } from "./envelope.ts";
import { createOutputText } from "./output-text.ts";
import type { OutputText } from "./output-text.ts";
import { OUTPUT_MARKER, toLegacyFailure, toLegacyRefusal } from "./text.ts";

const Words = v.pipe(v.array(v.string()), v.minLength(1));

/**
 * The answer to an `execute` request: words, and the output of the command behind them. `failure` stands for
 * an error text. Disposing frees the memory of the output.
 */
export type ServedCommand = { kind: "result" | "failure"; words: string; output: OutputText } & Disposable;

/**
 * Runs the command of an `execute` request. Throws the text for a command that was not started, `BAD_REQUEST`
 * for invalid arguments and output that is not UTF-8, `TOO_LARGE` and `BUSY` for too much output.
 */
export async function serveExecute(
  args: readonly unknown[],
  { input = null }: LegacyParams["kw"],
  line: ServerLine,
  signal: AbortSignal,
): Promise<ServedCommand> {
  const checked = v.safeParse(Words, args, FIRST_ISSUE);
  const refuse = (problem: string): NegotiatorError =>
    refused(line, "execute", new NegotiatorError("BAD_REQUEST", problem), args[0]);
  if (!checked.success) throw refuse("execute takes the command's name and its arguments, as text");
  if (input !== null && typeof input !== "string") throw refuse("input has to be text");
  const [path = "", ...rest] = checked.output;
  // The original runs the last part of a path, so we do the same.
  const command = path.slice(path.lastIndexOf("/") + 1);
  const params = { command, args: rest };
  using held = new DisposableStack();
  const output = createOutputText();
  const take = limitOutput(output, line, held);
  const reply = await serveCollected(line, { method: "execute", params, input, signal, take });
  const served = finish(reply, [command, ...rest], output);
  const memory = held.move();
  return { ...served, [Symbol.dispose]: () => memory.dispose() };
}

/** Returns the error of a request that never becomes a call, after it was written down. */
export function refused(
  { serve }: Pick<ServerLine, "serve">,
  method: string,
  error: NegotiatorError,
  command?: unknown,
): NegotiatorError {
  serve.refused?.({ method, params: { command }, error });
  return error;
}

/** Sends a call to the dispatcher. Resolves to its answer. */
export function serveCollected(
  { serve: dispatch, makeId }: ServerLine,
  options: Omit<CollectedCallOptions, "id">,
): Promise<CollectedAnswer> {
  const { call, ended } = createCollectedCall({ ...options, id: makeId() });
  dispatch.call(call);
  return ended;
}

/** Adds bytes to the output while the limit and the shared memory allow it. */
function limitOutput(
  output: OutputText,
  { limits: { foreignAnswerBytes }, answerMemory }: ServerLine,
  held: DisposableStack,
): CollectedCallOptions["take"] {
  const share = held.use(answerMemory.open());
  return (bytes) => {
    if (output.bytes + bytes.length > foreignAnswerBytes)
      throw new NegotiatorError("TOO_LARGE", `The command wrote more than ${foreignAnswerBytes} bytes`);
    if (!share.take(bytes.length))
      throw new NegotiatorError("BUSY", "The outputs of other commands take the memory for old callers", {
        remedy: "Call again when they have ended",
      });
    output.add(bytes);
  };
}

function finish(
  reply: CollectedAnswer,
  words: readonly string[],
  output: OutputText,
): ReturnType<typeof finishCommand> {
  if ("error" in reply) throw new NegotiatorError(reply.error.code, toLegacyRefusal(reply.error, words));
  return finishCommand(v.parse(ExecuteResultSchema, reply.result), words, output);
}

/**
 * The words and the output for a command that ran; `words` are its own. Throws `BAD_REQUEST` for output that
 * is not UTF-8, if the command was successful.
 */
export function finishCommand(
  result: ExecuteResult,
  words: readonly string[],
  output: OutputText,
): Omit<ServedCommand, typeof Symbol.dispose> {
  output.end();
  if (result.exitCode === 0) {
    output.check();
    output.strip("single line");
    return { kind: "result", words: "", output };
  }
  const failure = toLegacyFailure(result, words);
  const isEnded = result.endedBy === "deadline" || result.endedBy === "limit";
  return !isEnded && output.strip("always")
    ? { kind: "failure", words: `${failure}${OUTPUT_MARKER}`, output }
    : { kind: "failure", words: failure, output: createOutputText() };
}
