/** A call that the other side made and this side serves. It can outlive its caller, and be taken up by another. */
import { NegotiatorError } from "../../errors.ts";
import { createCallStreams } from "./call-streams.ts";
import type { StreamMessage } from "./call-streams.ts";
import { toWireError } from "../message.ts";
import type { CallId, Failure, Request, Result, StreamTotals } from "../message.ts";
import { saying } from "../session/outbox.ts";
import type { Outlet } from "../session/outbox.ts";
import { checkSendable } from "../session/sendable.ts";
import type { StreamReader } from "./stream-reader.ts";
import type { StreamWriter } from "./stream-writer.ts";

/** What a method is given. Exactly one of `respond` and `fail` ends it; a second one does nothing. */
export interface IncomingCall {
  readonly id: CallId;
  readonly method: string;
  readonly params: unknown;
  /** Milliseconds that the caller lets it run; undefined for no limit of the caller's. */
  readonly timeoutMs: number | undefined;
  readonly isDetached: boolean;
  /** Aborted with a `NegotiatorError` when the caller cancels or is gone, or broke the protocol. */
  readonly signal: AbortSignal;
  /** Names of the streams that the caller asked for, as this side sees them. */
  readonly streams: { read: readonly string[]; written: readonly string[] };
  /** Streams from the caller, and to the caller. Throw `UNSUPPORTED` when the caller asked for no such stream. */
  reader(stream: string): StreamReader;
  writer(stream: string): StreamWriter;
  /** Tells the caller something before the answer. Throws `BAD_REQUEST`, `TOO_LARGE` for what cannot be said. */
  progress(value: unknown): void;
  /** Ends the streams that are still open; what was written before still goes out, as far as the caller reads it. */
  respond(result: unknown): void;
  fail(error: NegotiatorError): void;
}

export type FinalMessage = Result | Failure;

export type IncomingEnd = {
  readonly call: IncomingCall;
  takeStream(message: StreamMessage): NegotiatorError | undefined;
  cancel(reason: NegotiatorError): void;
  /** A caller took the call up: what is said from now on goes to `outlet`. */
  attach(request: Request, outlet: Outlet, onOver: () => void): void;
  /** The caller is gone. A detached call goes on in silence until another takes it up; any other is cancelled. */
  abandon(): void;
};

type IncomingOptions = {
  request: Request & { id: CallId };
  creditBytes: number;
  outlet: Outlet;
  /** Most bytes that an answer may have; a longer one becomes `TOO_LARGE`. */
  answerBytes: () => number;
  /** The answer, to be remembered. */
  onAnswer: (answer: FinalMessage) => void;
  onOver: () => void;
};

const NOWHERE: Outlet = { control: () => {}, ready: () => {}, leave: () => {} };

export function createIncomingCall(options: IncomingOptions): IncomingEnd {
  const { request, creditBytes } = options;
  const { id } = request;
  let outlet = options.outlet;
  let onOver = options.onOver;
  let answer: FinalMessage | undefined;
  const controller = new AbortController();

  const settle = (): void => {
    if (answer !== undefined && streams.isDone) onOver();
  };
  const streams = createCallStreams({
    call: id,
    outlet: {
      control: (message, call) => outlet.control(message, call),
      ready: (sender) => outlet.ready(sender),
      leave: (call) => outlet.leave(call),
    },
    read: Object.fromEntries((request.streams?.write ?? []).map((name) => [name, creditBytes])),
    write: request.streams?.read ?? {},
    onDone: settle,
  });

  const finish = (make: (totals: StreamTotals) => FinalMessage): void => {
    if (answer !== undefined) return;
    for (const end of streams.writers.values()) end.writer.end();
    for (const end of streams.readers.values()) end.reader.cancel();
    const totals = Object.fromEntries([...streams.writers].map(([name, end]) => [name, end.total]));
    const final = fitted(make(totals), options.answerBytes());
    answer = final;
    outlet.control(saying(final));
    options.onAnswer(final);
    settle();
  };

  streams.announceCredit();
  return {
    call: {
      id,
      method: request.method,
      params: request.params,
      timeoutMs: request.timeoutMs,
      isDetached: request.isDetached === true,
      signal: controller.signal,
      streams: { read: [...streams.readers.keys()], written: [...streams.writers.keys()] },
      reader: streams.reader,
      writer: streams.writer,
      progress(value) {
        checkSendable({ kind: "progress", call: id, value }, options.answerBytes());
        outlet.control(saying({ kind: "progress", call: id, value }));
      },
      respond: (result) => finish((totals) => ({ kind: "result", id, result, streams: totals })),
      fail: (error) =>
        finish((totals) => ({ kind: "failure", id, error: toWireError(error), streams: totals })),
    },
    takeStream: streams.take,
    cancel: (reason) => controller.abort(reason),
    attach(newRequest, newOutlet, newOnOver) {
      outlet = newOutlet;
      onOver = newOnOver;
      const offsets = Object.fromEntries([...streams.writers].map(([name, end]) => [name, end.offset]));
      outlet.control(saying({ kind: "attached", call: id, offsets }));
      const { read = {}, write = [] } = newRequest.streams ?? {};
      // Half of an input cannot be gone on with, and output that the new caller does not read is not kept for it.
      for (const stream of write) outlet.control(saying({ kind: "stop", call: id, stream }));
      for (const [name, end] of streams.writers) {
        const creditBytes = read[name];
        if (creditBytes === undefined) end.stop();
        else end.rebase(creditBytes);
      }
    },
    abandon() {
      outlet = NOWHERE;
      onOver = () => {};
      const gone = new NegotiatorError("CANCELLED", "The caller is gone");
      for (const end of streams.readers.values()) end.fail(gone);
      if (request.isDetached === true) return;
      streams.fail(gone);
      controller.abort(gone);
    },
  };
}

/** An answer that the caller could not take becomes a failure that says so. */
function fitted(answer: FinalMessage, mostBytes: number): FinalMessage {
  try {
    checkSendable(answer, mostBytes);
    return answer;
  } catch (thrown) {
    const { code, message } = NegotiatorError.from(thrown);
    const { id, streams } = answer;
    return {
      kind: "failure",
      error: { code, message: message.slice(0, 1000).toWellFormed() },
      ...(typeof id === "string" || typeof id === "number" ? { id } : {}),
      ...(streams ? { streams } : {}),
    };
  }
}
