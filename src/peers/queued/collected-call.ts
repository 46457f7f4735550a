/** An incoming call in a dialect without streams: its input comes in one piece, its output is collected. */
import { NegotiatorError } from "../../errors.ts";
import type { IncomingCall } from "../../wire/calls/incoming-call.ts";
import type { StreamWriter } from "../../wire/calls/stream-writer.ts";
import type { CallId } from "../../wire/message.ts";
import { readBytes } from "./late-reader.ts";

/** A call to serve, and its end. */
export type CollectedCall = {
  call: IncomingCall;
  /** The answer. The error of `take` comes first. */
  ended: Promise<CollectedAnswer>;
};

/** The answer to a collected call. */
export type CollectedAnswer = { result: unknown } | { error: NegotiatorError };

/** Options of a collected call. */
export type CollectedCallOptions = {
  id: CallId;
  method: string;
  params: unknown;
  /** All of stdin; null for no stdin. */
  input: string | null;
  /** Cancels the call when it aborts. */
  signal: AbortSignal;
  /**
   * Takes a piece of stdout, which it has to copy. An error that it throws breaks the command's pipe and
   * fails the call. The dialect cannot carry stderr, so the method logs it.
   */
  take: (bytes: Uint8Array) => void;
};

/** Creates a call that is ready to be served. */
export function createCollectedCall(options: CollectedCallOptions): CollectedCall {
  const { id, method, params, input, signal, take } = options;
  const { promise: ended, resolve } = Promise.withResolvers<CollectedAnswer>();
  let refused: NegotiatorError | undefined;

  const end = (answer: CollectedAnswer): void => resolve(refused === undefined ? answer : { error: refused });
  const collect = async (bytes: Uint8Array): Promise<void> => {
    try {
      take(bytes);
    } catch (thrown) {
      refused ??= NegotiatorError.from(thrown);
      throw refused;
    }
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
  return { write, end: () => undefined, sentBytes: 0 };
}
