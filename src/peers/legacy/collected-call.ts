/** A call that comes in one piece and is answered in one piece, for dialects without streams. */
import { NegotiatorError } from "../../errors.ts";
import type { IncomingCall } from "../../wire/calls/incoming-call.ts";
import type { CallId } from "../../wire/message.ts";
import type { StreamWriter } from "../../wire/calls/stream-writer.ts";
import { readText } from "./late-reader.ts";

export type CollectedCall = {
  call: IncomingCall;
  /** How it was answered, and what it wrote to stdout; stderr goes nowhere, as such a dialect has no room for it. */
  ended: Promise<{ answer: { result: unknown } | { error: NegotiatorError }; stdout: Uint8Array }>;
};

type CollectedOptions = {
  id: CallId;
  method: string;
  params: unknown;
  /** What is on stdin; null when nothing is. */
  input: string | null;
  /** Ends the call when it aborts. */
  signal: AbortSignal;
  /** Most output that is kept; a command that writes more is ended by a broken pipe. */
  outputBytes: number;
};

export function createCollectedCall({
  id,
  method,
  params,
  input,
  signal,
  outputBytes,
}: CollectedOptions): CollectedCall {
  const { promise: ended, resolve } = Promise.withResolvers<Awaited<CollectedCall["ended"]>>();
  const parts: Uint8Array[] = [];
  let length = 0;
  let isOver = false;

  const end = (answer: { result: unknown } | { error: NegotiatorError }): void => {
    const tooLarge = new NegotiatorError("TOO_LARGE", `The command wrote more than ${outputBytes} bytes`);
    resolve({ answer: isOver ? { error: tooLarge } : answer, stdout: Buffer.concat(parts) });
  };
  const collect = (bytes: Uint8Array): Promise<void> => {
    length += bytes.length;
    isOver = length > outputBytes;
    if (isOver) return Promise.reject(new NegotiatorError("TOO_LARGE", "No more output is taken"));
    parts.push(bytes.slice());
    return Promise.resolve();
  };

  const call: IncomingCall = {
    id,
    method,
    params,
    timeoutMs: undefined,
    isDetached: false,
    signal,
    streams: { read: input === null ? [] : ["stdin"], written: ["stdout"] },
    reader: () => readText(input ?? ""),
    writer: () => createSink(collect),
    progress: () => undefined,
    respond: (result) => end({ result }),
    fail: (error) => end({ error }),
  };
  return { call, ended };
}

function createSink(write: (bytes: Uint8Array) => Promise<void>): StreamWriter {
  return { write, end: () => undefined, stopped: new AbortController().signal };
}
