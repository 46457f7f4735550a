/**
 * Answers the host program of python-negotiator 0.1 and 0.2, one call after the other. Policy and audit apply
 * as to native calls.
 */
import { NegotiatorError } from "../../errors.ts";
import type { ForeignServer, ServerLine } from "../dialect.ts";
import { answerWithText } from "../legacy/server.ts";
import { refused, serveExecute } from "../legacy/served-execute.ts";
import { createQueuedServer, estimateBytes, wholeAnswer } from "../queued/queued-server.ts";
import type { QueuedAnswer } from "../queued/queued-server.ts";
import { encodeOldestFailure, encodeOldestResult, readOldestMessage } from "./envelope.ts";
import type { OldestMessage, OldestRequest } from "./envelope.ts";
import { findCommand, LIST_METHOD } from "./find-methods.ts";

/** A refusal must repeat a whole hello, because the host looks for its nonce. */
const NAME_LENGTH = 128;

/** Creates a server. Requests that arrive together are answered in order. */
export function createOldestServer(line: ServerLine): ForeignServer {
  return createQueuedServer<Received>(line, {
    read(object) {
      const message = readOldestMessage(object);
      return message.kind === "request" || message.kind === "malformed" ? message : undefined;
    },
    bytesOf: estimateBytes,
    answer: (request, signal) => answer(request, line, signal),
  });
}

type Received = Extract<OldestMessage, { kind: "request" | "malformed" }>;

async function answer(request: Received, line: ServerLine, signal: AbortSignal): Promise<QueuedAnswer> {
  try {
    if (request.kind === "malformed") {
      const problem = `Cannot call "${shown(request.command)}": ${request.reason}`;
      throw refused(line, request.command, new NegotiatorError("BAD_REQUEST", problem));
    }
    return await run(request, line, signal);
  } catch (thrown) {
    return wholeAnswer(encodeOldestFailure(NegotiatorError.from(thrown).message));
  }
}

/** The members in the original's order. */
const RESULT = { before: '{"success": true, "result": "', after: '"}' };
const FAILURE = { before: '{"success": false, "error": "', after: '"}' };

async function run(
  { command, args, kw }: OldestRequest,
  line: ServerLine,
  signal: AbortSignal,
): Promise<QueuedAnswer> {
  const name = command === "execute" ? undefined : findCommand(command);
  if (name === undefined && command !== "execute")
    throw refused(
      line,
      command,
      new NegotiatorError("UNKNOWN_METHOD", `Command ${shown(command)} not supported`),
    );
  const served = await serveExecute(
    name === undefined ? args : [name],
    name === undefined ? kw : {},
    line,
    signal,
  );
  if (served.kind === "failure") return answerWithText(served, FAILURE);
  if (command !== LIST_METHOD) return answerWithText(served, RESULT);
  using _ = served;
  const text = Buffer.concat([...served.output.toText()]).toString();
  return wholeAnswer(encodeOldestResult(text.split("\n").filter((found) => found !== "")));
}

function shown(command: string): string {
  return command.slice(0, NAME_LENGTH).toWellFormed();
}
