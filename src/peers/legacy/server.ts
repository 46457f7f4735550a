/** Answers a python-negotiator's calls, one after the other. Policy and audit apply as to native calls. */
import * as v from "valibot";
import { NegotiatorError } from "../../errors.ts";
import { CommandListSchema } from "../../methods/command-list.ts";
import type { Message, Request } from "../../wire/message.ts";
import { createQueuedServer, estimateBytes } from "../queued/queued-server.ts";
import type { ForeignServer, ServerLine } from "../dialect.ts";
import { legacyEnvelope, readLegacyParams } from "./envelope.ts";
import { serveCollected, serveExecute } from "./served-execute.ts";

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

async function answer(request: Request, line: ServerLine, signal: AbortSignal): Promise<Message> {
  const { method } = request;
  try {
    const { args, kw } = readLegacyParams(request);
    if (method === "list_commands") return { kind: "result", result: await listCommands(line, signal) };
    if (method === "execute") return { kind: "result", result: await serveExecute(args, kw, line, signal) };
    const name = method.slice(0, NAME_LENGTH).toWellFormed();
    throw new NegotiatorError("UNKNOWN_METHOD", `Method ${name} not supported`);
  } catch (thrown) {
    const { code, message } = NegotiatorError.from(thrown);
    return { kind: "failure", error: { code, message } };
  }
}

async function listCommands(line: ServerLine, signal: AbortSignal): Promise<string[]> {
  const { answer: reply } = await serveCollected(line, {
    method: "list-commands",
    params: {},
    input: null,
    signal,
  });
  if ("error" in reply) throw reply.error;
  return v.parse(CommandListSchema, reply.result).commands.map(({ name }) => name);
}
