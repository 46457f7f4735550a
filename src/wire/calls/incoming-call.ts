/** A call that this side serves. It can outlive its caller, and another caller can attach to it. */
import { NegotiatorError } from "../../errors.ts";
import { createCallStreams } from "./call-streams.ts";
import type { CallStreams } from "./call-streams.ts";
import { createCompletion } from "./completion.ts";
import { toWireError } from "../message.ts";
import type { CallId, Failure, Request, Result, StreamMessage, StreamTotals } from "../message.ts";
import { fixed } from "../session/outbox.ts";
import type { Outlet } from "../session/outbox.ts";
import { checkSendable } from "../session/sendable.ts";
import { shorten } from "../../shorten.ts";
import type { StreamReader } from "./stream-reader.ts";
import type { StreamWriter } from "./stream-writer.ts";

/** A method's side of a call. The first `respond` or `fail` ends it; a second one does nothing. */
export interface IncomingCall {
  readonly id: CallId;
  readonly method: string;
  readonly params: unknown;
  /** The caller's limit for the run, in milliseconds; undefined when the caller sets no limit. */
  readonly timeoutMs: number | undefined;
  /** Whether the call goes on when its caller is gone. */
  readonly isDetached: boolean;
  /** Aborts with a `NegotiatorError` when the caller cancels, is gone, or has broken the protocol. */
  readonly signal: AbortSignal;
  /** Names of the streams that the caller asked for: those read here, and those written here. */
  readonly streams: { read: readonly string[]; written: readonly string[] };
  /** Returns a stream from the caller. Throws `UNSUPPORTED` when the caller asked for no such stream. */
  reader(stream: string): StreamReader;
  /** Returns a stream to the caller. Throws `UNSUPPORTED` when the caller asked for no such stream. */
  writer(stream: string): StreamWriter;
  /** Reports a value before the answer. Throws `BAD_REQUEST` or `TOO_LARGE` when it cannot be sent. */
  progress(value: unknown): void;
  /** Answers with a result and ends the open streams. Bytes written before are still sent. */
  respond(result: unknown): void;
  /** Answers with an error and ends the open streams, as `respond` does. */
  fail(error: NegotiatorError): void;
}

/** The answer of a call. */
export type FinalMessage = Result | Failure;

/** The session's side of a served call. */
export type IncomingEnd = {
  readonly call: IncomingCall;
  /** Takes a message about a stream. Returns the peer's violation, if there is one. */
  takeStream(message: StreamMessage): NegotiatorError | undefined;
  /** Aborts the call's signal. */
  cancel(reason: NegotiatorError): void;
  /** Gives the call a new caller: messages go to `outlet` from now on. */
  attach(request: Request, outlet: Outlet, onOver: () => void): void;
  /** The caller is gone. A detached call goes on without a caller; any other is cancelled. */
  detach(): void;
};

type IncomingOptions = {
  request: Request & { id: CallId };
  creditBytes: number;
  outlet: Outlet;
  /** Returns the most bytes that an answer may have. A longer answer becomes `TOO_LARGE`. */
  answerBytes: () => number;
  /** Called with the answer, so that it can be kept. */
  onAnswer: (answer: FinalMessage) => void;
  onOver: () => void;
};

const NOWHERE: Outlet = { control: () => {}, ready: () => {}, removeCall: () => {} };

/** Creates a served call, and sends the credit of its readers. */
export function createIncomingCall(options: IncomingOptions): IncomingEnd {
  const { request, creditBytes } = options;
  const { id } = request;
  const isDetached = request.isDetached === true;
  let caller: { outlet: Outlet; onOver: () => void } = options;
  let isAnswered = false;
  const controller = new AbortController();
  const completion = createCompletion(() => caller.onOver());
  const streams = createCallStreams({
    call: id,
    outlet: {
      control: (message, call) => caller.outlet.control(message, call),
      ready: (sender) => caller.outlet.ready(sender),
      removeCall: (call) => caller.outlet.removeCall(call),
    },
    read: Object.fromEntries((request.streams?.write ?? []).map((name) => [name, creditBytes])),
    write: request.streams?.read ?? {},
    onDone: () => completion.setStreamsEnded(),
  });
  if (streams.isDone) completion.setStreamsEnded();

  const finish = (make: (totals: StreamTotals) => FinalMessage): void => {
    if (isAnswered) return;
    const answer = fitted(make(endStreams(streams)), options.answerBytes());
    isAnswered = true;
    caller.outlet.control(fixed(answer));
    options.onAnswer(answer);
    completion.setAnswered();
  };

  streams.announceCredit();
  return {
    call: {
      id,
      method: request.method,
      params: request.params,
      timeoutMs: request.timeoutMs,
      isDetached,
      signal: controller.signal,
      streams: { read: [...streams.readers.keys()], written: [...streams.writers.keys()] },
      reader: streams.reader,
      writer: streams.writer,
      progress(value) {
        checkSendable({ kind: "progress", call: id, value }, options.answerBytes());
        caller.outlet.control(fixed({ kind: "progress", call: id, value }));
      },
      respond: (result) => finish((totals) => ({ kind: "result", id, result, streams: totals })),
      fail: (error) =>
        finish((totals) => ({ kind: "failure", id, error: toWireError(error), streams: totals })),
    },
    takeStream: streams.take,
    cancel: (reason) => controller.abort(reason),
    attach(newRequest, outlet, onOver) {
      caller = { outlet, onOver };
      attachStreams(streams, { ...newRequest, id }, outlet);
    },
    detach() {
      caller = { outlet: NOWHERE, onOver: () => {} };
      const gone = new NegotiatorError("CANCELLED", "The caller is gone");
      for (const end of streams.readers.values()) end.fail(gone);
      if (isDetached) return;
      streams.fail(gone);
      controller.abort(gone);
    },
  };
}

/** Ends the writers, cancels the readers, and returns the writers' totals. */
function endStreams({ readers, writers }: CallStreams): StreamTotals {
  for (const end of writers.values()) end.writer.end();
  for (const end of readers.values()) end.reader.cancel();
  return Object.fromEntries([...writers].map(([name, end]) => [name, end.total]));
}

function attachStreams({ writers }: CallStreams, request: Request & { id: CallId }, outlet: Outlet): void {
  const { id: call, streams } = request;
  const { read = {}, write = [] } = streams ?? {};
  const offsets = Object.fromEntries([...writers].map(([name, end]) => [name, end.offset]));
  outlet.control(fixed({ kind: "attached", call, offsets }));
  // The call has lost a part of its input with its caller, so the new caller's input cannot continue it.
  for (const stream of write) outlet.control(fixed({ kind: "stop", call, stream }));
  for (const [name, end] of writers) {
    const creditBytes = read[name];
    if (creditBytes === undefined) end.stop();
    else end.rebase(creditBytes);
  }
}

/** The caller must get an answer, so one that cannot be sent becomes a failure with the reason. */
function fitted(answer: FinalMessage, mostBytes: number): FinalMessage {
  try {
    checkSendable(answer, mostBytes);
    return answer;
  } catch (thrown) {
    const { code, message } = NegotiatorError.from(thrown);
    const { id, streams } = answer;
    return {
      kind: "failure",
      error: { code, message: shorten(message.toWellFormed(), 1000) },
      ...(typeof id === "string" || typeof id === "number" ? { id } : {}),
      ...(streams ? { streams } : {}),
    };
  }
}
