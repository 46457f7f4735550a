/** An incoming call in a dialect without streams: input and output each come in one piece. */
import { NegotiatorError } from "../../errors.ts";
import type { IncomingCall } from "../../wire/calls/incoming-call.ts";
import type { StreamWriter } from "../../wire/calls/stream-writer.ts";
import type { CallId } from "../../wire/message.ts";
import { readBytes } from "./late-reader.ts";

/** A call to serve, and its end. */
export type CollectedCall = {
  call: IncomingCall;
  /** The answer and all of stdout. The dialect cannot carry stderr, so the method logs it. */
  ended: Promise<{ answer: { result: unknown } | { error: NegotiatorError }; stdout: Uint8Array }>;
};

/** Options of a collected call. */
export type CollectedCallOptions = {
  id: CallId;
  method: string;
  params: unknown;
  /** All of stdin; null for no stdin. */
  input: string | null;
  /** Cancels the call when it aborts. */
  signal: AbortSignal;
  /** Most bytes of stdout. More than that breaks the command's pipe and fails the call with `TOO_LARGE`. */
  outputBytes: number;
};

/** Creates a call that is ready to be served. */
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
    beginAt: (stream) => {
      throw new NegotiatorError(
        "UNSUPPORTED",
        `The stream "${stream}" of this caller begins at its first byte`,
      );
    },
    send: () => undefined,
    listen: () => undefined,
    listCalls: () => [],
    respond: (result) => end({ result }),
    fail: (error) => end({ error }),
  };
  return { call, ended };
}

function createSink(write: (bytes: Uint8Array) => Promise<void>): StreamWriter {
  return { write, end: () => undefined, sentBytes: 0, stopped: new AbortController().signal };
}
