/**
 * Answers the host program of python-negotiator 0.1 and 0.2, one call after the other. Policy and audit apply
 * as to native calls.
 */
import { NegotiatorError } from "../../errors.ts";
import type { ForeignServer, ServerLine } from "../dialect.ts";
import { serveExecute } from "../legacy/served-execute.ts";
import { createQueuedServer, estimateBytes } from "../queued/queued-server.ts";
import { encodeOldestFailure, encodeOldestResult, readOldestMessage } from "./envelope.ts";
import type { OldestRequest } from "./envelope.ts";
import { findCommand, LIST_METHOD } from "./find-methods.ts";

/** A refusal must repeat a whole hello, because the host looks for its nonce. */
const NAME_LENGTH = 128;

/** Creates a server. Requests that arrive together are answered in order. */
export function createOldestServer(line: ServerLine): ForeignServer {
  return createQueuedServer<OldestRequest>(line, {
    read(object) {
      const message = readOldestMessage(object);
      return message.kind === "request" ? message : undefined;
    },
    bytesOf: ({ command, args, kw }) => estimateBytes([command, args, kw]),
    answer: (request, signal) => answer(request, line, signal),
  });
}

async function answer(request: OldestRequest, line: ServerLine, signal: AbortSignal): Promise<Uint8Array> {
  try {
    return encodeOldestResult(await run(request, line, signal));
  } catch (thrown) {
    return encodeOldestFailure(NegotiatorError.from(thrown).message);
  }
}

async function run(
  { command, args, kw }: OldestRequest,
  line: ServerLine,
  signal: AbortSignal,
): Promise<string | string[]> {
  if (command === "execute") return serveExecute(args, kw, line, signal);
  const name = findCommand(command);
  if (name === undefined) {
    const shown = command.slice(0, NAME_LENGTH).toWellFormed();
    throw new NegotiatorError("UNKNOWN_METHOD", `Command ${shown} not supported`);
  }
  const output = await serveExecute([name], {}, line, signal);
  return command === LIST_METHOD ? output.split("\n").filter((text) => text !== "") : output;
}
