/** Answers a python-negotiator's calls, one after the other. Policy and audit apply as to native calls. */
import * as v from "valibot";
import { NegotiatorError } from "../../errors.ts";
import { ExecuteResultSchema } from "../../methods/execute.ts";
import { CommandListSchema } from "../../methods/list-commands.ts";
import { FIRST_ISSUE, isJsonObject } from "../../wire/json.ts";
import type { Message, Request } from "../../wire/message.ts";
import { createCollectedCall } from "../queued/collected-call.ts";
import type { CollectedCallOptions } from "../queued/collected-call.ts";
import { createQueuedServer } from "../queued/queued-server.ts";
import type { ForeignServer, ServerLine } from "../dialect.ts";
import { legacyEnvelope } from "./envelope.ts";
import type { LegacyParams } from "./envelope.ts";
import { toLegacyFailure, toLegacyRefusal, toLegacyResult } from "./text.ts";

const EMPTY_TEXT_BYTES = 32;
/** A refusal must repeat a whole hello, because the host looks for its nonce. */
const NAME_LENGTH = 128;

/** Creates a server. Requests that arrive together are answered in order. */
export function createLegacyServer(line: ServerLine): ForeignServer {
  return createQueuedServer<Request>(line, {
    read(object) {
      const message = legacyEnvelope.decode(object);
      return message.kind === "request" ? message : undefined;
    },
    bytesOf: ({ method, params }) => estimateBytes(method) + estimateBytes(params),
    answer: async (request, signal) => legacyEnvelope.encode(await answer(request, line, signal)),
  });
}

function estimateBytes(value: unknown): number {
  if (typeof value === "string") return EMPTY_TEXT_BYTES + Buffer.byteLength(value);
  let bytes = EMPTY_TEXT_BYTES;
  if (Array.isArray(value)) for (const item of value) bytes += estimateBytes(item);
  else if (isJsonObject(value))
    for (const [key, member] of Object.entries(value)) bytes += estimateBytes(key) + estimateBytes(member);
  return bytes;
}

async function answer({ method, params }: Request, line: ServerLine, signal: AbortSignal): Promise<Message> {
  try {
    // The envelope's decoder makes these parameters, so the assertion is safe.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const { args, kw } = params as LegacyParams;
    if (method === "list_commands") return { kind: "result", result: await listCommands(line, signal) };
    if (method === "execute") return { kind: "result", result: await execute(args, kw, line, signal) };
    const name = method.slice(0, NAME_LENGTH).toWellFormed();
    throw new NegotiatorError("UNKNOWN_METHOD", `Method ${name} not supported`);
  } catch (thrown) {
    const { code, message } = NegotiatorError.from(thrown);
    return { kind: "failure", error: { code, message } };
  }
}

async function listCommands(line: ServerLine, signal: AbortSignal): Promise<string[]> {
  const { answer: reply } = await serve(line, { method: "list-commands", params: {}, input: null, signal });
  if ("error" in reply) throw reply.error;
  return v.parse(CommandListSchema, reply.result).commands.map(({ name }) => name);
}

const Words = v.pipe(v.array(v.string()), v.minLength(1));

async function execute(
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
  const { answer: reply, stdout } = await serve(line, { method: "execute", params, input, signal });
  if ("error" in reply) throw new NegotiatorError(reply.error.code, toLegacyRefusal(reply.error, words));
  const result = v.parse(ExecuteResultSchema, reply.result);
  if (result.exitCode === 0) return toLegacyResult(stdout);
  throw new NegotiatorError("INTERNAL", toLegacyFailure(result, words, stdout));
}

function serve(
  { serve: dispatch, makeId, limits }: ServerLine,
  options: Omit<CollectedCallOptions, "id" | "outputBytes">,
): ReturnType<typeof createCollectedCall>["ended"] {
  const outputBytes = limits.lengthPrefixedBytes;
  const { call, ended } = createCollectedCall({ ...options, id: makeId(), outputBytes });
  dispatch.call(call);
  return ended;
}
