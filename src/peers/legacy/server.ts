/** Answers a python-negotiator's calls, one after the other. Policy and audit apply as to native calls. */
import * as v from "valibot";
import { NegotiatorError } from "../../errors.ts";
import { CommandListSchema } from "../../methods/command-list.ts";
import type { Message, Request } from "../../wire/message.ts";
import { createQueuedServer, estimateBytes, wholeAnswer } from "../queued/queued-server.ts";
import type { QueuedAnswer } from "../queued/queued-server.ts";
import type { ForeignServer, ServerLine } from "../dialect.ts";
import { legacyEnvelope, readLegacyParams } from "./envelope.ts";
import { encodeText } from "./output-text.ts";
import { refused, serveCollected, serveExecute } from "./served-execute.ts";
import type { ServedCommand } from "./served-execute.ts";

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
    answer: (request, signal) => answer(request, line, signal),
  });
}

/** An answer whose text is written in pieces. `before` and `after` are the JSON around the text. */
export function answerWithText(
  served: ServedCommand,
  { before, after }: { before: string; after: string },
): QueuedAnswer {
  const { length, pieces } = served.output.toJson();
  const head = encodeText(served.words);
  const bytes = before.length + head.length + length + after.length;
  return {
    pieces: joinText(`${bytes}\n${before}`, head, pieces, after),
    [Symbol.dispose]: () => served[Symbol.dispose](),
  };
}

/** A short answer is one piece, because old callers get most answers in one read. */
function* joinText(
  before: string,
  head: Uint8Array,
  pieces: Iterable<Uint8Array>,
  after: string,
): Generator<Uint8Array, void, undefined> {
  let waiting = [Buffer.from(before), head];
  let waitingBytes = 0;
  for (const piece of pieces) {
    waiting.push(piece);
    waitingBytes += piece.length;
    if (waitingBytes < WRITTEN_BYTES) continue;
    yield Buffer.concat(waiting);
    waiting = [];
    waitingBytes = 0;
  }
  yield Buffer.concat([...waiting, Buffer.from(after)]);
}

const WRITTEN_BYTES = 256 * 1024;

async function answer(request: Request, line: ServerLine, signal: AbortSignal): Promise<QueuedAnswer> {
  const { method } = request;
  try {
    const { args, kw } = readParams(request, line);
    if (method === "list_commands")
      return whole({ kind: "result", result: await listCommands(line, signal) });
    if (method === "execute") {
      const served = await serveExecute(args, kw, line, signal);
      return answerWithText(served, served.kind === "result" ? RESULT : FAILURE);
    }
    const name = method.slice(0, NAME_LENGTH).toWellFormed();
    throw refused(line, method, new NegotiatorError("UNKNOWN_METHOD", `Method ${name} not supported`));
  } catch (thrown) {
    const { code, message } = NegotiatorError.from(thrown);
    return whole({ kind: "failure", error: { code, message } });
  }
}

function readParams(request: Request, line: ServerLine): ReturnType<typeof readLegacyParams> {
  try {
    return readLegacyParams(request);
  } catch (thrown) {
    throw refused(line, request.method, NegotiatorError.from(thrown));
  }
}

/** The members in the original's order. */
const RESULT = { before: '{"result": "', after: '", "success": true}' };
const FAILURE = { before: '{"success": false, "error": "', after: '"}' };

function whole(message: Message): QueuedAnswer {
  return wholeAnswer(legacyEnvelope.encode(message));
}

async function listCommands(line: ServerLine, signal: AbortSignal): Promise<string[]> {
  const call = { method: "list-commands", params: {}, input: null, signal, take: () => undefined };
  const reply = await serveCollected(line, call);
  if ("error" in reply) throw reply.error;
  return v.parse(CommandListSchema, reply.result).commands.map(({ name }) => name);
}
