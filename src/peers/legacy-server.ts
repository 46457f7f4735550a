/** Serves a python-negotiator peer's calls: one after the other, in its own words, under our policy and audit. */
import * as v from "valibot";
import { NegotiatorError } from "../errors.ts";
import { ExecuteResultSchema } from "../methods/execute.ts";
import { CommandListSchema } from "../methods/list-commands.ts";
import { legacy } from "../wire/dialects/legacy.ts";
import type { LegacyParams } from "../wire/dialects/legacy.ts";
import type { IncomingCall } from "../wire/incoming-call.ts";
import { FIRST_FLAW } from "../wire/json.ts";
import type { CallId, Message, Request } from "../wire/message.ts";
import { createCollectedCall } from "./collected-call.ts";
import { toLegacyFailure, toLegacyRefusal, toLegacyResult } from "./legacy-text.ts";

type LegacyServerOptions = {
  /** Where the calls go; every one gets its answer. */
  serve: (call: IncomingCall) => void;
  send: (bytes: Uint8Array) => void;
  /** Answers that the peer has not taken yet; while there are many, its requests are not answered. */
  unsent: () => number;
  makeId: () => CallId;
  /** Ends what runs when it aborts. */
  signal: AbortSignal;
  /** Most output of one command, in bytes. */
  outputBytes: number;
};

/** The original's clients send one request and wait; more of them at once are answered in order, up to so many. */
const WAITING_REQUESTS = 64;

const UNSENT_ANSWERS = 8;
/** Longest method name that a refusal repeats: enough for a hello's nonce. */
const NAME_LENGTH = 128;

/** Takes each message of the peer; answers go to `send`. */
export function createLegacyServer(options: LegacyServerOptions): (message: Message) => void {
  const queue: Request[] = [];
  let isBusy = false;

  const work = async (): Promise<void> => {
    isBusy = true;
    for (let request = queue.shift(); request !== undefined; request = queue.shift()) {
      options.send(legacy.encode(await answer(request, options)));
    }
    isBusy = false;
  };

  return (message) => {
    if (message.kind !== "request" || queue.length >= WAITING_REQUESTS || options.unsent() >= UNSENT_ANSWERS)
      return;
    queue.push(message);
    if (!isBusy) void work();
  };
}

async function answer({ method, params }: Request, options: LegacyServerOptions): Promise<Message> {
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

async function listCommands({ serve, makeId, signal, outputBytes }: LegacyServerOptions): Promise<string[]> {
  const { call, ended } = createCollectedCall({
    id: makeId(),
    method: "list-commands",
    params: {},
    input: null,
    signal,
    outputBytes,
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
  { serve, makeId, signal, outputBytes }: LegacyServerOptions,
): Promise<string> {
  const checked = v.safeParse(Words, args, FIRST_FLAW);
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
    outputBytes,
  });
  serve(call);
  const { answer: reply, stdout } = await ended;
  if ("error" in reply) throw new NegotiatorError(reply.error.code, toLegacyRefusal(reply.error, words));
  const result = v.parse(ExecuteResultSchema, reply.result);
  if (result.exitCode === 0) return toLegacyResult(stdout);
  throw new NegotiatorError("INTERNAL", toLegacyFailure(result, words, stdout));
}
