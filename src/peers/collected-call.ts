/**
 * A served call for dialects without streams: its input comes in one piece, and so do its answer and output.
 */
import { NegotiatorError } from "../errors.ts";
import type { IncomingCall } from "../wire/calls/incoming-call.ts";
import type { StreamWriter } from "../wire/calls/stream-writer.ts";
import type { CallId } from "../wire/message.ts";
import { readBytes } from "./late-reader.ts";

/** A call to be served, and its end. */
export type CollectedCall = {
  call: IncomingCall;
  /**
   * How it was answered, and its stdout; its stderr is dropped, because such a dialect has no room for it.
   */
  ended: Promise<{ answer: { result: unknown } | { error: NegotiatorError }; stdout: Uint8Array }>;
};

/** What is called, and how much output it may have. */
export type CollectedCallOptions = {
  id: CallId;
  method: string;
  params: unknown;
  /** All of stdin; null for a call without stdin. */
  input: string | null;
  /** Cancels the call when it aborts. */
  signal: AbortSignal;
  /**
   * Most output in bytes; a command that writes more gets a broken pipe, and the call fails with `TOO_LARGE`.
   */
  outputBytes: number;
};

/** A call that is ready to be served. */
export function createCollectedCall(options: CollectedCallOptions): CollectedCall {
  const { id, method, params, input, signal, outputBytes } = options;
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
    if (isOver)
      return Promise.reject(new NegotiatorError("TOO_LARGE", "The output is larger than its limit"));
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
    reader: () => readBytes(new TextEncoder().encode(input ?? "")),
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
