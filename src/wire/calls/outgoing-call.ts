/** A call that this side made: waits for the answer, and for its streams to end. */
import { NegotiatorError } from "../../errors.ts";
import { createCallStreams } from "./call-streams.ts";
import type { StreamMessage } from "./call-streams.ts";
import { fromWireError } from "../message.ts";
import type { CallId, Message, Request, StreamTotals } from "../message.ts";
import { saying } from "../session/outbox.ts";
import type { Outlet } from "../session/outbox.ts";
import { findExcess } from "../session/sendable.ts";
import type { StreamReader } from "./stream-reader.ts";
import type { StreamWriter } from "./stream-writer.ts";

export type CallOptions = {
  method: string;
  params?: unknown;
  /** Made by the session when absent. The same id again attaches to the running or finished call. */
  id?: CallId;
  /** Milliseconds that the other side lets it run. */
  timeoutMs?: number;
  /** The call goes on when this side is gone. */
  isDetached?: boolean;
  /** Names of streams that come from the other side, and of those that go there. */
  read?: readonly string[];
  write?: readonly string[];
  /** Told whenever the call reports something before its answer. */
  onProgress?: (value: unknown) => void;
  /** The other side is this machine's own daemon: an error of its may have several lines, as ours have. */
  keepsLines?: boolean;
};

export type Answer = { result: unknown; streams: StreamTotals };

export interface OutgoingCall {
  readonly id: CallId;
  /** Whether the request may have reached the other side. */
  readonly isSent: boolean;
  /** Comes when the call has ended, which may be before its streams were read to their ends. Rejects with `NegotiatorError`. */
  readonly answer: Promise<Answer>;
  /** Comes when it is answered, with a failure too, and its streams have ended. Rejects with what broke either off. */
  readonly over: Promise<void>;
  /** Whether somebody has read all that came of a stream, and waits for more. */
  readonly isAwaited: boolean;
  /** Bytes of its streams that have come so far. */
  readonly receivedBytes: number;
  reader(stream: string): StreamReader;
  writer(stream: string): StreamWriter;
  /** Asks the other side to end it; the answer then says how it ended. After the answer its streams end, with `CANCELLED`. */
  cancel(reason?: string): void;
  /** Waits no more: the answer, if it has not come, and the streams that are open reject with `error`. */
  giveUp(error: NegotiatorError): void;
}

type AnswerMessage = Extract<Message, { kind: "result" | "failure" }>;
type CallMessage = Extract<Message, { kind: "progress" | "attached" }>;

/** What the session does with it. Each `take` returns what the peer did wrong, if anything. */
export type OutgoingEnd = {
  readonly call: OutgoingCall;
  readonly request: Request;
  /** Puts the request into the outlet; again when the first was never sent before its session was lost. */
  submit(): void;
  /** The request has not begun anything at the other side, and never will by this sending. */
  unsend(): void;
  takeAnswer(message: AnswerMessage): NegotiatorError | undefined;
  takeNotice(message: CallMessage): NegotiatorError | undefined;
  takeStream(message: StreamMessage): NegotiatorError | undefined;
  fail(error: NegotiatorError): void;
  /** Ends it on both sides: the peer has broken its rules. */
  breakOff(flaw: NegotiatorError): void;
};

type OutgoingOptions = CallOptions & {
  id: CallId;
  creditBytes: number;
  outlet: Outlet;
  /** Longest line, in bytes, that the peer of the moment takes. */
  peerLineBytes: () => number;
  onOver: () => void;
};

export function createOutgoingCall(options: OutgoingOptions): OutgoingEnd {
  const { id, outlet } = options;
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  // A caller that only reads the streams learns of a failure there; an answer that nobody waits for is no crash.
  promise.catch(() => {});
  const over = Promise.withResolvers<void>();
  over.promise.catch(() => {});
  let isSent = false;
  let isAnswered = false;

  const settle = (): void => {
    if (!isAnswered || !streams.isDone) return;
    over.resolve();
    options.onOver();
  };
  const read = Object.fromEntries((options.read ?? []).map((name) => [name, options.creditBytes]));
  const write = Object.fromEntries((options.write ?? []).map((name) => [name, 0]));
  const streams = createCallStreams({ call: id, outlet, read, write, onDone: settle });
  const request = toRequest(options, read);

  const fail = (error: NegotiatorError): void => {
    isAnswered = true;
    reject(error);
    over.reject(error);
    streams.fail(error);
    settle();
  };

  const tellCancel = (reason?: string): void =>
    outlet.control(
      saying({ kind: "cancel", call: id, ...(reason === undefined ? {} : { reason: shorten(reason) }) }),
    );

  return {
    call: {
      id,
      get isSent() {
        return isSent;
      },
      answer: promise,
      over: over.promise,
      get isAwaited() {
        return streams.readers.values().some((end) => end.isAwaited);
      },
      get receivedBytes() {
        return streams.readers.values().reduce((sum, end) => sum + end.reader.bytes, 0);
      },
      giveUp: fail,
      reader: streams.reader,
      writer: streams.writer,
      cancel(reason) {
        if (isAnswered) fail(cancelledBefore("its output had come"));
        else if (isSent) tellCancel(reason);
        else fail(cancelledBefore("it was sent"));
      },
    },
    request,
    submit() {
      outlet.control(() => {
        if (isAnswered) return undefined;
        const excess = findExcess(request, options.peerLineBytes());
        if (excess !== undefined) {
          fail(excess);
          return undefined;
        }
        isSent = true;
        return request;
      }, id);
      // A stream that was cancelled before the session was lost.
      for (const [stream, end] of streams.readers)
        if (end.isDone)
          outlet.control(() => (isAnswered ? undefined : { kind: "stop", call: id, stream }), id);
    },
    unsend() {
      isSent = false;
    },
    takeAnswer(message) {
      isAnswered = true;
      const totals = message.streams ?? {};
      const flaw = streams.finish(totals);
      if (flaw !== undefined) fail(flaw);
      else if (message.kind === "result") resolve({ result: message.result, streams: totals });
      else reject(fromWireError(message.error, options.keepsLines));
      settle();
      return flaw;
    },
    takeNotice(message) {
      if (message.kind === "progress") {
        options.onProgress?.(message.value);
        return undefined;
      }
      const flaws = Object.entries(message.offsets).map(([name, offset]) =>
        streams.readers.get(name)?.jump(offset),
      );
      return flaws.find((flaw) => flaw !== undefined);
    },
    takeStream: streams.take,
    fail,
    breakOff(flaw) {
      if (isSent && !isAnswered) tellCancel(flaw.message);
      fail(flaw);
    },
  };
}

function cancelledBefore(step: string): NegotiatorError {
  return new NegotiatorError("CANCELLED", `The call was cancelled before ${step}`);
}

/** To what any peer can read. */
function shorten(reason: string): string {
  return reason.slice(0, 1000).toWellFormed();
}

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
