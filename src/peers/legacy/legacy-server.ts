/** Serves a python-negotiator peer's calls: one after the other, in its own words, under our policy and audit. */
import * as v from "valibot";
import { NegotiatorError } from "../../errors.ts";
import { ExecuteResultSchema } from "../../methods/execute.ts";
import { CommandListSchema } from "../../methods/list-commands.ts";
import type { IncomingCall } from "../../wire/calls/incoming-call.ts";
import { FIRST_ISSUE, isJsonObject } from "../../wire/json.ts";
import type { JsonObject } from "../../wire/json.ts";
import type { CallId, Message, Request } from "../../wire/message.ts";
import { legacyEnvelope } from "./envelope.ts";
import type { LegacyParams } from "./envelope.ts";
import { createCollectedCall } from "./collected-call.ts";
import { toLegacyFailure, toLegacyRefusal, toLegacyResult } from "./legacy-text.ts";

type LegacyServerOptions = {
  /** Where the calls go; every one gets its answer. */
  serve: (call: IncomingCall) => void;
  send: (bytes: Uint8Array) => void;
  /** What was sent and has not gone out yet; while there is any, no further request is answered. */
  unsent: () => number;
  makeId: () => CallId;
  /** Most output of one command, and most text of the requests that wait, in bytes. */
  lengthPrefixedBytes: number;
};

export type LegacyServer = {
  /** Takes an object of the peer; answers go to `send`. Returns false for an object that is not a message. */
  take(object: JsonObject): boolean;
  /** There may be room for an answer again. */
  resume(): void;
  /** Nobody is there any more to hear an answer: what waits is forgotten, what runs is ended. */
  hangUp(): void;
};

/**
 * The original's clients send one request and wait; more of them at once are answered in order, up to so many. What is over
 * that, or over their bytes, is never answered: an answer out of its order would be another request's.
 */
const WAITING_REQUESTS = 64;
/** An empty text still takes so much room, roughly. */
const WORD_BYTES = 32;
/** Longest method name that a refusal repeats: enough for a hello's nonce. */
const NAME_LENGTH = 128;

type Waiting = { request: Request; bytes: number };

export function createLegacyServer(options: LegacyServerOptions): LegacyServer {
  const queue: Waiting[] = [];
  let waitingBytes = 0;
  let isBusy = false;
  let presence = new AbortController();

  const next = (): Request | undefined => {
    const waiting = options.unsent() > 0 ? undefined : queue.shift();
    waitingBytes -= waiting?.bytes ?? 0;
    return waiting?.request;
  };

  const work = async (): Promise<void> => {
    if (isBusy) return;
    isBusy = true;
    for (let request = next(); request !== undefined; request = next()) {
      const { signal } = presence;
      const message = await answer(request, { ...options, signal });
      // Whoever is there now would take it for the answer to another request.
      if (!signal.aborted) options.send(legacyEnvelope.encode(message));
    }
    isBusy = false;
  };

  const enqueue = (request: Request): void => {
    if (queue.length >= WAITING_REQUESTS) return;
    const bytes = sizeOf(request.method) + sizeOf(request.params);
    if (queue.length > 0 && waitingBytes + bytes > options.lengthPrefixedBytes) return;
    queue.push({ request, bytes });
    waitingBytes += bytes;
    void work();
  };

  return {
    take(object) {
      const message = read(object);
      if (message?.kind === "request") enqueue(message);
      return message !== undefined;
    },
    resume: () => void work(),
    hangUp() {
      queue.length = 0;
      waitingBytes = 0;
      presence.abort(new NegotiatorError("CANCELLED", "The caller is gone"));
      presence = new AbortController();
    },
  };
}

function read(object: JsonObject): Message | undefined {
  try {
    return legacyEnvelope.decode(object);
  } catch {
    return undefined;
  }
}

/** Roughly the bytes that a parsed value takes; its depth is bounded where it is read. */
function sizeOf(value: unknown): number {
  if (typeof value === "string") return WORD_BYTES + Buffer.byteLength(value);
  let bytes = WORD_BYTES;
  if (Array.isArray(value)) for (const item of value) bytes += sizeOf(item);
  else if (isJsonObject(value))
    for (const [key, member] of Object.entries(value)) bytes += sizeOf(key) + sizeOf(member);
  return bytes;
}

/** `signal` ends what runs when it aborts. */
type AnswerOptions = LegacyServerOptions & { signal: AbortSignal };

async function answer({ method, params }: Request, options: AnswerOptions): Promise<Message> {
  try {
    // The legacy dialect makes these parameters for every request.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const { args, kw } = params as LegacyParams;
    if (method === "list_commands") return { kind: "result", result: await listCommands(options) };
    if (method === "execute") return { kind: "result", result: await execute(args, kw, options) };
    throw new NegotiatorError(
      "UNKNOWN_METHOD",
      `Method ${method.slice(0, NAME_LENGTH).toWellFormed()} not supported`,
    );
  } catch (thrown) {
    const { code, message } = NegotiatorError.from(thrown);
    return { kind: "failure", error: { code, message } };
  }
}

async function listCommands({
  serve,
  makeId,
  signal,
  lengthPrefixedBytes,
}: AnswerOptions): Promise<string[]> {
  const { call, ended } = createCollectedCall({
    id: makeId(),
    method: "list-commands",
    params: {},
    input: null,
    signal,
    outputBytes: lengthPrefixedBytes,
  });
  serve(call);
  const { answer: reply } = await ended;
  if ("error" in reply) throw reply.error;
  return v.parse(CommandListSchema, reply.result).commands.map(({ name }) => name);
}

const Words = v.pipe(v.array(v.string()), v.minLength(1));

async function execute(
  args: readonly unknown[],
  { input = null }: LegacyParams["kw"],
  { serve, makeId, signal, lengthPrefixedBytes }: AnswerOptions,
): Promise<string> {
  const checked = v.safeParse(Words, args, FIRST_ISSUE);
  if (!checked.success)
    throw new NegotiatorError("BAD_REQUEST", "execute takes the command's name and its arguments, as text");
  if (input !== null && typeof input !== "string")
    throw new NegotiatorError("BAD_REQUEST", "input has to be text");
  const [path = "", ...rest] = checked.output;
  // The original takes whatever stands behind the last slash.
  const command = path.slice(path.lastIndexOf("/") + 1);
  const words = [command, ...rest];
  const { call, ended } = createCollectedCall({
    id: makeId(),
    method: "execute",
    params: { command, args: rest },
    input,
    signal,
    outputBytes: lengthPrefixedBytes,
  });
  serve(call);
  const { answer: reply, stdout } = await ended;
  if ("error" in reply) throw new NegotiatorError(reply.error.code, toLegacyRefusal(reply.error, words));
  const result = v.parse(ExecuteResultSchema, reply.result);
  if (result.exitCode === 0) return toLegacyResult(stdout);
  throw new NegotiatorError("INTERNAL", toLegacyFailure(result, words, stdout));
}
