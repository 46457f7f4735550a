/** A call that this side serves. It can outlive its caller, and another caller can attach to it. */
import { NegotiatorError } from "../../errors.ts";
import { createCallStreams } from "./call-streams.ts";
import type { CallStreams, FrozenStreams } from "./call-streams.ts";
import { createCompletion } from "./completion.ts";
import { createMailbox } from "./mailbox.ts";
import type { KeptMessage, MessageListener } from "./mailbox.ts";
import { fromWireError, toWireError } from "../message.ts";
import type {
  Attach,
  CallerInfo,
  CallId,
  Failure,
  Request,
  Result,
  StreamMessage,
  StreamTotals,
  WireError,
} from "../message.ts";
import { fixed } from "../session/outbox.ts";
import type { Outlet } from "../session/outbox.ts";
import { checkSendable } from "../session/sendable.ts";
import type { WindowOptions } from "./receive-window.ts";
import type { ServedCall } from "./served-call.ts";
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
  /** How long the caller asks to keep what the call leaves, in milliseconds; undefined if it does not say. */
  readonly keepMs?: number | undefined;
  /** The local user that the peer calls for, as the peer's daemon says. */
  readonly caller?: CallerInfo | undefined;
  /** Aborts with a `NegotiatorError` when the caller cancels, is gone, or has broken the protocol. */
  readonly signal: AbortSignal;
  /** Names of the streams that the caller asked for: those read here, and those written here. */
  readonly streams: { read: readonly string[]; written: readonly string[] };
  /** Returns a stream from the caller. Throws `UNSUPPORTED` when the caller asked for no such stream. */
  reader(stream: string): StreamReader;
  /** Returns a stream to the caller. Throws `UNSUPPORTED` when the caller asked for no such stream. */
  writer(stream: string): StreamWriter;
  /**
   * Makes a stream from the caller begin at `offset`: the caller leaves out the bytes before it. Throws
   * `UNSUPPORTED` when the call does not have the stream, and `BAD_REQUEST` when it was read already.
   */
  beginAt(stream: string, offset: number): void;
  /** Sends a message inside the call. Throws `BAD_REQUEST` or `TOO_LARGE` when it cannot be sent. */
  send(name: string, value: unknown): void;
  /** Sets the listener for messages of the caller; it gets those that came before too. */
  listen(listener: MessageListener): void;
  /** Returns the calls of the same peer that run here, or whose answers are kept. */
  listCalls(): ServedCall[];
  /** Answers with a result and ends the open streams. Bytes written before are still sent. */
  respond(result: unknown): void;
  /** Answers with an error and ends the open streams, as `respond` does. */
  fail(error: NegotiatorError): void;
  /** The data with which another program can go on with the call; absent in foreign dialects. */
  readonly handOver?: HandOver;
}

/**
 * The hand-over of a call to the program that replaces this one. By default the next program runs the method
 * again from its beginning.
 */
export type HandOver = {
  /** The data of the program before, as its `freeze` returned them; undefined for a new call. */
  readonly given: unknown;
  /** The returned data have to be enough to go on, at any moment until the next call of this. */
  onFreeze(freeze: () => unknown): void;
};

/** The answer of a call. */
export type FinalMessage = Result | Failure;

/** The session's side of a served call. */
export type IncomingEnd = {
  readonly call: IncomingCall;
  readonly request: Request;
  /** Takes a message about a stream. Returns the peer's violation, if there is one. */
  takeStream(message: StreamMessage): NegotiatorError | undefined;
  /** Takes a message of the caller. */
  takeMessage(name: string, value: unknown): void;
  /** Aborts the call's signal. */
  cancel(reason: NegotiatorError): void;
  /** Fails the call at once, because the caller has broken the protocol. */
  breach(error: NegotiatorError): void;
  /** Gives the call a new caller, who gets its messages from now on. */
  attach(request: Attach, caller: Caller): void;
  /** The caller is gone. A detached call goes on without a caller; any other is cancelled. */
  detach(): void;
  freeze(): FrozenIncoming;
};

/** A served call as plain data. `hasCaller`: its messages go out over this session. */
export type FrozenIncoming = {
  request: Request & { id: CallId };
  hasCaller: boolean;
  streams: FrozenStreams;
  messages: KeptMessage[];
  isAnswered: boolean;
  cancelled?: WireError;
  given?: unknown;
};

/** Where the messages of a call go. */
type Caller = {
  outlet: Outlet;
  /** Returns the most bytes that an answer may have. A longer answer becomes `TOO_LARGE`. */
  answerBytes: () => number;
  onOver: () => void;
};

type IncomingOptions = Caller & {
  request: Request & { id: CallId };
  window: WindowOptions;
  listCalls: () => ServedCall[];
  /** Called with the answer, so that it can be kept. */
  onAnswer: (answer: FinalMessage) => void;
  frozen?: FrozenIncoming;
};

const NOWHERE: Outlet = {
  control: () => {},
  begin: () => {},
  notice: () => {},
  ready: () => {},
  removeCall: () => {},
};

/**
 * Creates a served call, or a frozen one again. A reader's credit goes to the caller when the method begins
 * to read.
 */
export function createIncomingCall(options: IncomingOptions): IncomingEnd {
  const { request, window } = options;
  const { id } = request;
  const isDetached = request.isDetached === true;
  const { frozen } = options;
  let caller: Caller = frozen?.hasCaller === false ? withoutCaller(options) : options;
  let { isAnswered = false }: Partial<FrozenIncoming> = frozen ?? {};
  let freeze: (() => unknown) | undefined;
  const controller = new AbortController();
  const mailbox = createMailbox(frozen?.messages);
  const completion = createCompletion(() => caller.onOver());
  const given = { call: id, window, announcesCredit: true, frozen: frozen?.streams };
  const streams = createCallStreams({
    ...given,
    outlet: outletOf(() => caller),
    read: request.streams?.write ?? [],
    write: request.streams?.read ?? {},
    onGaveWay: (error) => breach(error),
    onDone: () => completion.setStreamsEnded(),
  });
  if (streams.isDone) completion.setStreamsEnded();
  if (isAnswered) completion.setAnswered();
  streams.resume();
  if (frozen?.cancelled !== undefined) controller.abort(fromWireError(frozen.cancelled, true));

  const finish = (make: (totals: StreamTotals) => FinalMessage): void => {
    if (isAnswered) return;
    const answer = fitted(make(endStreams(streams)), caller.answerBytes());
    isAnswered = true;
    caller.outlet.control(fixed(answer));
    options.onAnswer(answer);
    completion.setAnswered();
  };
  const fail = (error: NegotiatorError): void =>
    finish((totals) => ({ kind: "failure", id, error: toWireError(error), streams: totals }));

  const breach = (error: NegotiatorError): void => {
    streams.fail(error);
    fail(error);
    controller.abort(error);
  };

  return {
    request,
    call: {
      id,
      method: request.method,
      params: request.params,
      timeoutMs: request.timeoutMs === 0 ? undefined : request.timeoutMs,
      isDetached,
      keepMs: request.keepMs,
      caller: request.caller,
      signal: controller.signal,
      streams: { read: [...streams.readers.keys()], written: [...streams.writers.keys()] },
      reader: streams.reader,
      writer: streams.writer,
      beginAt(stream, offset) {
        beginStream(streams, stream, offset);
        caller.outlet.control(fixed({ kind: "begin", call: id, offsets: { [stream]: offset } }));
      },
      send(name, value) {
        checkSendable({ kind: "message", call: id, name, value }, caller.answerBytes());
        // Without the id: the end of the call must not remove a message that goes before its answer.
        if (!isAnswered) caller.outlet.control(fixed({ kind: "message", call: id, name, value }));
      },
      listen: (listener) => mailbox.listen(listener),
      listCalls: options.listCalls,
      respond: (result) => finish((totals) => ({ kind: "result", id, result, streams: totals })),
      fail,
      handOver: { given: frozen?.given, onFreeze: (next) => void (freeze = next) },
    },
    takeStream: streams.take,
    takeMessage: (name, value) => mailbox.take(name, value),
    cancel: (reason) => controller.abort(reason),
    breach,
    attach(attach, newCaller) {
      caller = newCaller;
      attachStreams(streams, attach, caller.outlet);
    },
    detach() {
      caller = withoutCaller(caller);
      if (isDetached) return;
      const gone = new NegotiatorError("CANCELLED", "The caller is gone");
      streams.fail(gone);
      controller.abort(gone);
    },
    freeze() {
      const facts = { request, isAnswered, hasCaller: caller.outlet !== NOWHERE };
      const waiting = { streams: streams.freeze(), messages: mailbox.peek() };
      return { ...facts, ...waiting, ...freezeEnd(controller.signal, freeze?.()) };
    },
  };
}

function freezeEnd(
  { aborted, reason }: AbortSignal,
  given: unknown,
): Pick<FrozenIncoming, "cancelled" | "given"> {
  return {
    ...(aborted && { cancelled: toWireError(NegotiatorError.from(reason)) }),
    ...(given !== undefined && { given }),
  };
}

/** The streams of a call do not begin it, and have no notices. */
function outletOf(callerNow: () => Caller): Outlet {
  return {
    ...NOWHERE,
    control: (message, call) => callerNow().outlet.control(message, call),
    ready: (sender) => callerNow().outlet.ready(sender),
    removeCall: (call) => callerNow().outlet.removeCall(call),
  };
}

function beginStream(streams: CallStreams, stream: string, offset: number): void {
  streams.reader(stream);
  if (streams.readers.get(stream)?.isStarted === true)
    throw new NegotiatorError("BAD_REQUEST", `Cannot begin the stream "${stream}": it was read already`);
  const problem = streams.begin({ [stream]: offset });
  if (problem !== undefined) throw new NegotiatorError("BAD_REQUEST", problem.message);
}

function withoutCaller(caller: Caller): Caller {
  return { ...caller, outlet: NOWHERE, onOver: () => {} };
}

/** Ends the writers, cancels the readers, and returns the writers' totals. */
function endStreams({ readers, writers }: CallStreams): StreamTotals {
  for (const end of writers.values()) end.writer.end();
  // An input that came in full can still be read: a cancelled reader would look like an empty one.
  for (const end of readers.values()) {
    if (end.isDone) end.release();
    else end.reader.cancel();
  }
  return Object.fromEntries([...writers].map(([name, end]) => [name, end.total]));
}

/** Each stream goes on where it stands: output after the sent bytes, input after the received ones. */
function attachStreams(
  { readers, writers }: CallStreams,
  { id: call, streams }: Attach,
  outlet: Outlet,
): void {
  const { read = {}, write = [] } = streams ?? {};
  const offsets = [
    ...[...writers].map(([name, end]) => [name, end.offset] as const),
    ...[...readers].map(([name, end]) => [name, end.offset] as const),
  ];
  outlet.begin(call, fixed({ kind: "begin", call, offsets: Object.fromEntries(offsets) }), true);
  for (const stream of write) {
    const end = readers.get(stream);
    if (end === undefined || end.isDone) outlet.control(fixed({ kind: "stop", call, stream }));
    else if (end.isStarted) outlet.control(fixed({ kind: "credit", call, stream, limit: end.limit }));
  }
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
      ...(typeof id === "string" ? { id } : {}),
      ...(streams ? { streams } : {}),
    };
  }
}
