/** The open calls of one session that the peer made. */
import { NegotiatorError } from "../../errors.ts";
import { createIncomingCall } from "./incoming-call.ts";
import type { FinalMessage, FrozenIncoming, IncomingCall, IncomingEnd } from "./incoming-call.ts";
import type { Limits } from "../../limits.ts";
import { clipText, fromWireError, toWireError } from "../message.ts";
import { GAVE_WAY } from "../frames/refusals.ts";
import { isJsonObject } from "../json.ts";
import type { Attach, CallId, CallMessage, Request, StreamMessage } from "../message.ts";
import { fixed } from "../session/outbox.ts";
import type { Outbox, Outlet } from "../session/outbox.ts";
import { cancelled } from "./cancelled.ts";
import type { WindowOptions } from "./receive-window.ts";
import { findExcess } from "../session/sendable.ts";
import { countBytes } from "./json-bytes.ts";
import type { FrozenServed, ServedCalls } from "./served-calls.ts";

/** Calls whose answers or streams are not complete, by call id. */
export type IncomingCalls = {
  readonly count: number;
  has(id: CallId): boolean;
  /** Starts a call, or refuses the request. */
  take(request: Request & { id: CallId }): void;
  /** Attaches to a running call, repeats a finished one's answer, or refuses the request. */
  attach(request: Attach): void;
  /** Takes a message inside a call. */
  takeMessage(message: CallMessage): void;
  /** The peer has broken the protocol in a call: fails the call at once. */
  breach(id: CallId, error: NegotiatorError): void;
  /** Takes a message about a stream of the call `id`. Returns the peer's violation, if there is one. */
  takeStream(id: CallId, message: StreamMessage): NegotiatorError | undefined;
  /** Answers with an error; no call starts. */
  refuse(id: CallId, error: NegotiatorError): void;
  /** Answers a request with an error, and reports it. */
  refuseRequest(request: Request & { id: CallId }, error: NegotiatorError): void;
  /** Cancels all calls that are not detached. */
  cancelAttached(reason: NegotiatorError): void;
  /** The callers are gone: their detached calls go on, the others are cancelled. */
  detachAll(): void;
  /** Returns the calls that are answered and whose streams are not complete; `served` has the others. */
  freeze(): FrozenIncoming[];
  /** Makes the frozen calls again, and those of `served`. The methods get those that are not answered. */
  thaw(answered: readonly FrozenIncoming[], served: FrozenServed): void;
};

type IncomingCallsOptions = {
  limits: Limits;
  served: ServedCalls;
  outlet: Pick<Outbox, keyof Outlet | "controlCount">;
  onCall: (call: IncomingCall) => void;
  /** Called for each request that was answered with an error, so that no call began. */
  onRefused: (request: Request & { id: CallId }, error: NegotiatorError) => void;
  peerLineBytes: () => number;
  window: WindowOptions;
};

/**
 * A call that is answered stays open until the caller has read its output. For each call that may run, so
 * many may be open.
 */
const OPEN_SHARE = 1.5;

type IncomingRequest = Request & { id: CallId };

/** Creates an empty set of calls. */
export function createIncomingCalls(options: IncomingCallsOptions): IncomingCalls {
  const { served, outlet, peerLineBytes, window } = options;
  const open = new Map<CallId, IncomingEnd>();

  const refuse = (id: CallId, error: NegotiatorError): void =>
    outlet.control(fixed({ kind: "failure", id, error: toWireError(error) }));

  const refuseRequest = (request: IncomingRequest, error: NegotiatorError): void => {
    refuse(request.id, error);
    options.onRefused(request, error);
  };

  const remove = (id: CallId): void => {
    open.delete(id);
    outlet.removeCall(id);
  };

  const given = { window, outlet, answerBytes: peerLineBytes };
  const create = (request: IncomingRequest, frozen?: FrozenIncoming): IncomingEnd =>
    createIncomingCall({
      ...given,
      request,
      listCalls: () => served.list(),
      onAnswer: (answer) => served.finish(request.id, answer),
      onOver: () => remove(request.id),
      ...(frozen && { frozen }),
    });

  const thaw = (frozen: FrozenIncoming): IncomingEnd => {
    const end = create(frozen.request, frozen);
    if (frozen.hasCaller) open.set(frozen.request.id, end);
    return end;
  };

  const accept = (request: IncomingRequest): void => {
    const end = create(request);
    served.start(request.id, end);
    open.set(request.id, end);
    options.onCall(end.call);
  };

  const attach = (request: Attach, end: IncomingEnd): void => {
    open.set(request.id, end);
    end.attach(request, { ...given, onOver: () => remove(request.id) });
  };

  const repeat = ({ id }: Attach, answer: FinalMessage): void => {
    outlet.control(fixed({ kind: "begin", call: id, offsets: endsOf(answer) }));
    const excess = findExcess(answer, peerLineBytes());
    if (excess === undefined) outlet.control(fixed(answer));
    else refuse(id, excess);
  };

  return {
    get count() {
      return open.size;
    },
    has: (id) => open.has(id),
    take(request) {
      const isUsed = open.has(request.id) || served.has(request.id);
      const problem = isUsed ? usedBefore(request.id) : findExcessOf(request, options, open.size);
      if (problem === undefined) accept(request);
      else refuseRequest(request, problem);
    },
    attach(request) {
      const { id } = request;
      const running = served.running(id);
      const finished = served.finished(id);
      if (open.has(id)) refuse(id, attachedAlready(id));
      else if (running !== undefined) attach(request, running);
      else if (finished !== undefined) repeat(request, finished);
      else refuse(id, notKnown(id));
    },
    takeStream(id, message) {
      const end = open.get(id);
      const violation = end?.takeStream(message);
      if (violation !== undefined) end?.breach(violation);
      return violation;
    },
    takeMessage(message) {
      const end = open.get(message.call);
      if (end !== undefined) passOn(end, message);
    },
    breach: (id, error) => open.get(id)?.breach(error),
    refuse,
    refuseRequest,
    cancelAttached(reason) {
      for (const end of open.values()) if (!end.call.isDetached) end.cancel(reason);
    },
    detachAll() {
      for (const end of open.values()) end.detach();
      open.clear();
    },
    freeze: () => [...open].flatMap(([id, end]) => (served.running(id) === end ? [] : [end.freeze()])),
    thaw(answered, frozenServed) {
      for (const frozen of answered) thaw(frozen);
      for (const { call } of served.thaw(frozenServed, thaw)) options.onCall(call);
    },
  };
}

/** The bytes of a finished call's streams are gone, so each stream starts at its end. */
function endsOf({ streams = {} }: FinalMessage): Record<string, number> {
  return Object.fromEntries(Object.entries(streams).map(([name, { bytes }]) => [name, bytes]));
}

function passOn(end: IncomingEnd, { name, value }: CallMessage): void {
  if (name !== "cancel") return end.takeMessage(name, value);
  const { code, reason } = isJsonObject(value) ? value : {};
  const text = typeof reason === "string" ? reason : undefined;
  if (code === "BAD_FRAME") end.breach(fromWireError({ code, message: text ?? "The caller says so" }));
  else end.cancel(cancelled(text));
}

/** Returns the limit that the request exceeds; else takes memory for it, and returns undefined. */
function findExcessOf(
  request: IncomingRequest,
  { limits, served, outlet }: Pick<IncomingCallsOptions, "limits" | "served" | "outlet">,
  openCount: number,
): NegotiatorError | undefined {
  const { openCalls, openCallBytes, streamsPerCall } = limits;
  const { runningCount, runningBytes } = served;
  if (countStreams(request) > streamsPerCall) return tooMany("streams", streamsPerCall);
  if (runningCount >= openCalls || openCount >= OPEN_SHARE * openCalls)
    return tooMany("open calls", openCalls);
  if (outlet.controlCount > 2 * openCalls)
    return tooMany("answers that the caller has not read", 2 * openCalls);
  const bytes = countBytes(request.params);
  if (runningBytes > 0 && runningBytes + bytes > openCallBytes)
    return tooMany("bytes of parameters of open calls", openCallBytes);
  return served.take(bytes) ? undefined : GAVE_WAY;
}

function countStreams({ streams }: Request): number {
  return streams === undefined ? 0 : Object.keys(streams.read).length + streams.write.length;
}

function usedBefore(id: CallId): NegotiatorError {
  return new NegotiatorError(
    "BAD_REQUEST",
    `Cannot start the call: its id "${clipText(id)}" was used before`,
    {
      remedy: "Make each id from 128 random bits",
    },
  );
}

function attachedAlready(id: CallId): NegotiatorError {
  return new NegotiatorError("BAD_REQUEST", `The session has the call "${clipText(id)}" already`);
}

function notKnown(id: CallId): NegotiatorError {
  const message = `No call "${clipText(id)}" runs here, and no answer of it is kept`;
  return new NegotiatorError("NO_CALL", message, {
    remedy: "Look into the audit of this side how it ended, and call again if it is not done",
  });
}

function tooMany(what: string, limit: number): NegotiatorError {
  return new NegotiatorError("BUSY", `Cannot take the call: the limit of ${limit} ${what} is reached`);
}
