/** A call that this side made: waits for its answer, and for its streams to end. */
import { NegotiatorError } from "../../errors.ts";
import { createCallStreams } from "./call-streams.ts";
import { fromWireError } from "../message.ts";
import type { CallId, Message, Request, StreamMessage } from "../message.ts";
import { fixed } from "../session/outbox.ts";
import type { ControlMessage, Outlet } from "../session/outbox.ts";
import { createPendingAnswer } from "./pending-answer.ts";
import type { Answer } from "./pending-answer.ts";
import { findExcess } from "../session/sendable.ts";
import { shorten } from "../../shorten.ts";
import type { ReaderEnd, StreamReader } from "./stream-reader.ts";
import type { StreamWriter } from "./stream-writer.ts";

export type { Answer } from "./pending-answer.ts";

/** Describes a call. */
export type CallOptions = {
  method: string;
  params?: unknown;
  /** The session makes an id when there is none. A repeated id attaches to the running or finished call. */
  id?: CallId;
  /** The limit for the run on the other side, in milliseconds. */
  timeoutMs?: number;
  /** Whether the call goes on when this side is gone. */
  isDetached?: boolean;
  /** Names of the streams that come from the other side. */
  read?: readonly string[];
  /** Names of the streams that go to the other side. */
  write?: readonly string[];
  /** Called with each value that the call reports before its answer. */
  onProgress?: (value: unknown) => void;
  /**
   * Whether an error's message may have several lines. Only this machine's own daemon is trusted with that.
   */
  keepsLines?: boolean;
};

/** The caller's side of a call. */
export interface OutgoingCall {
  readonly id: CallId;
  /** Whether the request may have reached the other side. */
  readonly isSent: boolean;
  /**
   * Resolves with the answer, possibly before the streams were read to their ends. Rejects with the
   * `NegotiatorError` that ended the call.
   */
  readonly answer: Promise<Answer>;
  /** Resolves when the call is answered, even with a failure, and its streams have ended. */
  readonly over: Promise<void>;
  /** Whether the reader of some stream has taken all received bytes and waits for more. */
  readonly isAwaited: boolean;
  /** Bytes that its streams have received so far. */
  readonly receivedBytes: number;
  /** Returns a received stream. Throws `UNSUPPORTED` when the call has no such stream. */
  reader(stream: string): StreamReader;
  /** Returns a sent stream. Throws `UNSUPPORTED` when the call has no such stream. */
  writer(stream: string): StreamWriter;
  /**
   * Asks the other side to end the call; the answer still comes. A call that was not sent, or was answered
   * already, ends at once with `CANCELLED`.
   */
  cancel(reason?: string): void;
  /** Ends the call on this side at once. The pending answer and the open streams reject with `error`. */
  abort(error: NegotiatorError): void;
}

type AnswerMessage = Extract<Message, { kind: "result" | "failure" }>;
type ReportMessage = Extract<Message, { kind: "progress" | "attached" }>;

/** The session's side of a call. Each `take` returns the peer's violation, if there is one. */
export type OutgoingEnd = {
  readonly call: OutgoingCall;
  readonly request: Request;
  /**
   * Puts the request into the outlet; once more for each session that was lost before the request was sent.
   */
  submit(): void;
  /** Marks the request as not sent: the other side has refused it before anything began. */
  markUnsent(): void;
  takeAnswer(message: AnswerMessage): NegotiatorError | undefined;
  takeReport(message: ReportMessage): NegotiatorError | undefined;
  takeStream(message: StreamMessage): NegotiatorError | undefined;
  /** Ends the call on both sides. */
  abortBoth(error: NegotiatorError): void;
};

type OutgoingOptions = CallOptions & {
  id: CallId;
  creditBytes: number;
  outlet: Outlet;
  /** Returns the longest line, in bytes, that the present peer takes. */
  peerLineBytes: () => number;
  onOver: () => void;
};

/** Creates a call. `submit` sends it. */
export function createOutgoingCall(options: OutgoingOptions): OutgoingEnd {
  const { id, outlet } = options;
  let isSent = false;
  const pending = createPendingAnswer(options.onOver);
  const read = Object.fromEntries((options.read ?? []).map((name) => [name, options.creditBytes]));
  const write = Object.fromEntries((options.write ?? []).map((name) => [name, 0]));
  const onDone = (): void => pending.setStreamsEnded();
  const streams = createCallStreams({ call: id, outlet, read, write, onDone });
  if (streams.isDone) pending.setStreamsEnded();
  const request = toRequest(options, read);

  const abort = (error: NegotiatorError): void => {
    pending.rejectAll(error);
    streams.fail(error);
    pending.setAnswered();
  };

  const sendCancel = (reason?: string): void => {
    const text = reason === undefined ? {} : { reason: shorten(reason.toWellFormed(), REASON_LENGTH) };
    outlet.control(fixed({ kind: "cancel", call: id, ...text }));
  };

  const makeRequest: ControlMessage = () => {
    if (pending.isAnswered) return undefined;
    const excess = findExcess(request, options.peerLineBytes());
    isSent = excess === undefined;
    if (excess === undefined) return request;
    abort(excess);
    return undefined;
  };

  return {
    call: {
      id,
      get isSent() {
        return isSent;
      },
      answer: pending.answer,
      over: pending.over,
      get isAwaited() {
        return streams.readers.values().some((end) => end.isAwaited);
      },
      get receivedBytes() {
        return streams.readers.values().reduce((sum, end) => sum + end.reader.bytes, 0);
      },
      reader: streams.reader,
      writer: streams.writer,
      cancel(reason) {
        if (pending.isAnswered) abort(cancelledBefore("its output had come"));
        else if (isSent) sendCancel(reason);
        else abort(cancelledBefore("it was sent"));
      },
      abort,
    },
    request,
    submit() {
      outlet.control(makeRequest, id);
      // The stop of a stream that was cancelled before its session was lost went with that session.
      for (const [stream, end] of streams.readers)
        if (end.isDone)
          outlet.control(() => (pending.isAnswered ? undefined : { kind: "stop", call: id, stream }), id);
    },
    markUnsent() {
      isSent = false;
    },
    takeAnswer(message) {
      pending.beginAnswer();
      const totals = message.streams ?? {};
      const violation = streams.finish(totals);
      if (violation !== undefined) abort(violation);
      else if (message.kind === "result") pending.resolve({ result: message.result, streams: totals });
      else pending.reject(fromWireError(message.error, options.keepsLines));
      pending.setAnswered();
      return violation;
    },
    takeReport(message) {
      if (message.kind === "attached") return jump(streams.readers, message.offsets);
      options.onProgress?.(message.value);
      return undefined;
    },
    takeStream: streams.take,
    abortBoth(error) {
      if (isSent && !pending.isAnswered) sendCancel(error.message);
      abort(error);
    },
  };
}

function jump(
  readers: ReadonlyMap<string, ReaderEnd>,
  offsets: Readonly<Record<string, number>>,
): NegotiatorError | undefined {
  const violations = Object.entries(offsets).map(([name, offset]) => readers.get(name)?.jump(offset));
  return violations.find((violation) => violation !== undefined);
}

function cancelledBefore(step: string): NegotiatorError {
  return new NegotiatorError("CANCELLED", `The call was cancelled before ${step}`);
}

/** A longer reason might not fit into the line of a peer with a low limit. */
const REASON_LENGTH = 1000;

function toRequest(options: OutgoingOptions, read: Record<string, number>): Request {
  const { id, method, params, timeoutMs, isDetached, write = [] } = options;
  const hasStreams = write.length > 0 || Object.keys(read).length > 0;
  return {
    kind: "request",
    id,
    method,
    params,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(isDetached === true ? { isDetached } : {}),
    ...(hasStreams ? { streams: { read, write } } : {}),
  };
}
