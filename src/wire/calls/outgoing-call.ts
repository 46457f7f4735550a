/** A call that this side made: waits for its answer, and for its streams to end. */
import { NegotiatorError } from "../../errors.ts";
import { createCallStreams } from "./call-streams.ts";
import type { CallStreams, FrozenStreams } from "./call-streams.ts";
import { fromWireError, toWireError } from "../message.ts";
import type { Attach, CallerInfo, CallId, Message, MessageBody, Request, StreamMessage } from "../message.ts";
import { fixed } from "../session/outbox.ts";
import type { ControlMessage, Outlet } from "../session/outbox.ts";
import { createMailbox } from "./mailbox.ts";
import type { KeptMessage, MessageListener } from "./mailbox.ts";
import { createPendingAnswer } from "./pending-answer.ts";
import type { Answer, PendingAnswer } from "./pending-answer.ts";
import type { WindowOptions } from "./receive-window.ts";
import { checkSendable, findExcess } from "../session/sendable.ts";
import { shorten } from "../../shorten.ts";
import type { StreamReader } from "./stream-reader.ts";
import type { StreamWriter } from "./stream-writer.ts";

export type { Answer } from "./pending-answer.ts";

/** Describes a call. */
export type CallOptions = {
  method: string;
  params?: unknown;
  /** The session makes an id when there is none. */
  id?: CallId;
  /**
   * Whether to attach to the call `id`, which was started before. Method and parameters are not sent then.
   */
  isAttach?: boolean;
  /** The limit for the run on the other side, in milliseconds. */
  timeoutMs?: number;
  /** Whether the call goes on when this side is gone. */
  isDetached?: boolean;
  /** How long the other side is asked to keep the answer, in milliseconds. */
  keepMs?: number;
  /** The local user that this daemon calls for. */
  caller?: CallerInfo;
  /** Names of the streams that come from the other side. */
  read?: readonly string[];
  /** Names of the streams that go to the other side. */
  write?: readonly string[];
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
  /** Sends a message inside the call, once the request was sent. Throws `BAD_REQUEST` or `TOO_LARGE`. */
  send(name: string, value: unknown): void;
  /** Sets the listener for messages of the other side; it gets those that came before too. */
  listen(listener: MessageListener): void;
  /**
   * Asks the other side to end the call; the answer still comes. A call that was not sent, or was answered
   * already, ends at once with `CANCELLED`.
   */
  cancel(reason?: string): void;
  /**
   * Returns a call that is over as plain data, for an owner that goes on in another program: the session no
   * longer has it. Undefined before the end.
   */
  freezeOver(): FrozenOutgoing | undefined;
  /**
   * Ends the call on this side at once. The pending answer and the open streams reject with `error`. Asks the
   * other side to send no more of the streams; `cancel` asks it to end the call.
   */
  abort(error: NegotiatorError): void;
}

type AnswerMessage = Extract<Message, { kind: "result" | "failure" }>;

/** The session's side of a call. Each `take` returns the peer's violation, if there is one. */
export type OutgoingEnd = {
  readonly call: OutgoingCall;
  readonly request: Request | Attach;
  /**
   * Puts the request into the outlet; once more for each session that was lost before the request was sent.
   */
  submit(): void;
  /** Marks the request as not sent: the other side has refused it before anything began. */
  markUnsent(): void;
  takeAnswer(message: AnswerMessage): NegotiatorError | undefined;
  takeMessage: MessageListener;
  begin(offsets: Readonly<Record<string, number>>): NegotiatorError | undefined;
  takeStream(message: StreamMessage): NegotiatorError | undefined;
  /** Ends the call on this side at once: it cannot go on, or the other side knows its end. */
  lose(error: NegotiatorError): void;
  /** Ends the call on both sides. */
  abortBoth(error: NegotiatorError): void;
  freeze(): FrozenOutgoing;
};

/** A call as plain data. `answer` is there when it came before all of the streams, or the call has failed. */
export type FrozenOutgoing = {
  options: CallOptions & { id: CallId };
  isSent: boolean;
  streams: FrozenStreams;
  messages: KeptMessage[];
  answer?: AnswerMessage;
};

type OutgoingOptions = CallOptions & {
  id: CallId;
  window: WindowOptions;
  outlet: Outlet;
  /** Returns the longest line, in bytes, that the present peer takes. */
  peerLineBytes: () => number;
  onOver: () => void;
  frozen?: FrozenOutgoing;
};

/** Creates a call, or a frozen one again. `submit` sends it. */
export function createOutgoingCall(options: OutgoingOptions): OutgoingEnd {
  const { id, outlet, frozen, window, read = [] } = options;
  let { isSent = false, answer: answerMessage }: Partial<FrozenOutgoing> = frozen ?? {};
  const pending = createPendingAnswer(options.onOver);
  const given = { call: id, outlet, read, window, announcesCredit: false, frozen: frozen?.streams };
  const streams = createCallStreams({
    ...given,
    write: Object.fromEntries((options.write ?? []).map((name) => [name, 0])),
    onGaveWay: (error) => leave(error, isSent && !pending.isAnswered),
    onDone: () => pending.setStreamsEnded(),
  });
  const mailbox = createMailbox(frozen?.messages);
  if (streams.isDone) pending.setStreamsEnded();
  const request = toRequest(options, Object.fromEntries(read.map((name) => [name, window.firstBytes])));
  const abort = (error: NegotiatorError): void => {
    if (!pending.isOver) answerMessage = { kind: "failure", id, error: toWireError(error) };
    pending.rejectAll(error);
    streams.fail(error);
    pending.setAnswered();
  };

  const leave = (error: NegotiatorError, isCancelled = false): void => {
    if (isCancelled) outlet.control(cancelMessage(id, error.message));
    const stops = isSent ? stopsOf(id, streams) : [];
    abort(error);
    for (const stop of stops) outlet.control(stop);
  };
  const makeRequest: ControlMessage = () => {
    if (pending.isAnswered) return undefined;
    const excess = findExcess(request, options.peerLineBytes());
    isSent = excess === undefined;
    if (excess !== undefined) abort(excess);
    return isSent ? request : undefined;
  };

  if (answerMessage !== undefined) settle(pending, answerMessage, options);
  if (isSent) streams.resume();

  const freeze = (): FrozenOutgoing =>
    frozenCall(options, { isSent, streams: streams.freeze(), messages: mailbox.peek() }, answerMessage);

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
      send(name, value) {
        checkSendable({ kind: "message", call: id, name, value }, options.peerLineBytes());
        const message: MessageBody = { kind: "message", call: id, name, value };
        outlet.control(() => (pending.isAnswered || !isSent ? undefined : message), id);
      },
      listen: (listener) => mailbox.listen(listener),
      cancel(reason) {
        if (pending.isAnswered) leave(cancelledBefore("its output had come"));
        else if (isSent) outlet.control(cancelMessage(id, reason));
        else leave(cancelledBefore("it was sent"));
      },
      freezeOver: () => (pending.isOver ? freeze() : undefined),
      abort: (error) => leave(error),
    },
    request,
    submit() {
      outlet.begin(id, makeRequest);
      for (const stop of stopsAgain(id, streams))
        outlet.control(() => (pending.isAnswered ? undefined : stop), id);
    },
    markUnsent: () => void (isSent = false),
    takeAnswer(message) {
      pending.beginAnswer();
      answerMessage = message;
      const violation = streams.finish(message.streams ?? {});
      if (violation !== undefined) abort(violation);
      else settle(pending, message, options);
      return violation;
    },
    takeMessage: (name, value) => mailbox.take(name, value),
    begin: (offsets) => streams.begin(offsets),
    takeStream: streams.take,
    lose: abort,
    abortBoth(error) {
      if (isSent && !pending.isAnswered) outlet.control(cancelMessage(id, error.message, "BAD_FRAME"));
      abort(error);
    },
    freeze,
  };
}

function settle(
  pending: PendingAnswer,
  message: AnswerMessage,
  { keepsLines }: Pick<CallOptions, "keepsLines">,
): void {
  pending.beginAnswer();
  if (message.kind === "result") pending.resolve({ result: message.result, streams: message.streams ?? {} });
  else pending.reject(fromWireError(message.error, keepsLines));
  pending.setAnswered();
}

function frozenCall(
  given: OutgoingOptions,
  state: Omit<FrozenOutgoing, "options" | "answer">,
  answer: AnswerMessage | undefined,
): FrozenOutgoing {
  const { window: _, outlet: __, peerLineBytes: ___, onOver: ____, frozen: _____, ...options } = given;
  return { options, ...state, ...(answer && { answer }) };
}

function cancelMessage(id: CallId, reason = "the caller cancelled it", code?: "BAD_FRAME"): ControlMessage {
  const value = { reason: shorten(reason.toWellFormed(), REASON_LENGTH), ...(code && { code }) };
  return fixed({ kind: "message", call: id, name: "cancel", value });
}

/** Without the stops, the peer would keep the call open: it waits for credit to send the rest. */
function stopsOf(id: CallId, { readers }: CallStreams): ControlMessage[] {
  const unread = [...readers].filter(([, end]) => !end.isDone);
  return unread.map(([stream]) => fixed({ kind: "stop", call: id, stream }));
}

/** The stop of a stream that was cancelled before its session was lost went with that session. */
function stopsAgain(call: CallId, { readers }: CallStreams): MessageBody[] {
  return [...readers].flatMap(([stream, end]) => (end.isDone ? [{ kind: "stop", call, stream }] : []));
}

function cancelledBefore(step: string): NegotiatorError {
  return new NegotiatorError("CANCELLED", `The call was cancelled before ${step}`);
}

/** A longer reason might not fit into the line of a peer with a low limit. */
const REASON_LENGTH = 1000;

function toRequest(options: OutgoingOptions, read: Record<string, number>): Request | Attach {
  const { id, method, params, timeoutMs, isDetached, keepMs, caller, write = [] } = options;
  const hasStreams = write.length > 0 || Object.keys(read).length > 0;
  const streams = hasStreams ? { streams: { read, write } } : {};
  if (options.isAttach === true) return { kind: "attach", id, ...streams };
  return {
    kind: "request",
    id,
    method,
    params,
    // A deadline has whole milliseconds on the wire. 0 would mean none.
    ...(timeoutMs === undefined ? {} : { timeoutMs: Math.ceil(timeoutMs) }),
    ...(isDetached === true ? { isDetached } : {}),
    ...(keepMs === undefined ? {} : { keepMs }),
    ...(caller === undefined ? {} : { caller }),
    ...streams,
  };
}
