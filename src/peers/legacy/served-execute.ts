/** Runs a command for a python-negotiator, with the texts that its releases have in common. */
import * as v from "valibot";
import { NegotiatorError } from "../../errors.ts";
import { ExecuteResultSchema } from "../../methods/execute-schemas.ts";
import { FIRST_ISSUE } from "../../wire/json.ts";
import { createCollectedCall } from "../queued/collected-call.ts";
import type { CollectedCallOptions } from "../queued/collected-call.ts";
import type { ServerLine } from "../dialect.ts";
import type { LegacyParams } from "./envelope.ts";
import { toLegacyFailure, toLegacyRefusal, toLegacyResult } from "./text.ts";

const Words = v.pipe(v.array(v.string()), v.minLength(1));

/**
 * Runs the command of an `execute` request. Returns its output as python-negotiator's clients expect it.
 * Throws their text for a command that fails or was not started, and `BAD_REQUEST` for invalid arguments.
 */
export async function serveExecute(
  args: readonly unknown[],
  { input = null }: LegacyParams["kw"],
  line: ServerLine,
  signal: AbortSignal,
): Promise<string> {
  const checked = v.safeParse(Words, args, FIRST_ISSUE);
  if (!checked.success)
    throw new NegotiatorError("BAD_REQUEST", "execute takes the command's name and its arguments, as text");
  if (input !== null && typeof input !== "string")
    throw new NegotiatorError("BAD_REQUEST", "input has to be text");
  const [path = "", ...rest] = checked.output;
  // The original runs the last part of a path, so we do the same.
  const command = path.slice(path.lastIndexOf("/") + 1);
  const words = [command, ...rest];
  const params = { command, args: rest };
  const { answer: reply, stdout } = await serveCollected(line, { method: "execute", params, input, signal });
  if ("error" in reply) throw new NegotiatorError(reply.error.code, toLegacyRefusal(reply.error, words));
  const result = v.parse(ExecuteResultSchema, reply.result);
  if (result.exitCode === 0) return toLegacyResult(stdout);
  throw new NegotiatorError("INTERNAL", toLegacyFailure(result, words, stdout));
}

/** Sends a call to the dispatcher. Resolves to its answer and its output. */
export function serveCollected(
  { serve: dispatch, makeId, limits }: ServerLine,
  options: Omit<CollectedCallOptions, "id" | "outputBytes">,
): ReturnType<typeof createCollectedCall>["ended"] {
  const outputBytes = limits.lengthPrefixedBytes;
  const { call, ended } = createCollectedCall({ ...options, id: makeId(), outputBytes });
  dispatch.call(call);
  return ended;
}
