/** The open calls of one session, in both directions, and what the peer says about them. */
import { NegotiatorError } from "../../errors.ts";
import type { StreamMessage } from "./call-streams.ts";
import { fingerprint } from "./fingerprint.ts";
import { createIncomingCall } from "./incoming-call.ts";
import type { IncomingCall, IncomingEnd } from "./incoming-call.ts";
import type { Limits } from "../../limits.ts";
import { clipText, toWireError } from "../message.ts";
import type { CallId, Message, Request } from "../message.ts";
import { createOutgoingCall } from "./outgoing-call.ts";
import type { CallOptions, OutgoingCall, OutgoingEnd } from "./outgoing-call.ts";
import { saying } from "../session/outbox.ts";
import type { Outlet } from "../session/outbox.ts";
import { checkSendable, findExcess } from "../session/sendable.ts";
import type { ServedCalls } from "./served-calls.ts";

/** Messages that are about one call. */
export type CallMessage = Extract<
  Message,
  { kind: "request" | "result" | "failure" | "progress" | "attached" | "cancel" }
>;

export type Calls = {
  /** Calls made by this side that wait for their answers or streams. */
  readonly outgoingCount: number;
  readonly incomingCount: number;
  start(options: CallOptions & { id: CallId }): OutgoingCall;
  /** Returns what the peer did wrong, if anything. */
  take(message: CallMessage | StreamMessage): NegotiatorError | undefined;
  /** The other side has refused the request before it began anything: it goes out again in the next session. */
  unsend(id: CallId): void;
  /** What came with this id made no sense: our call of that id ends, theirs is refused. */
  refuse(id: CallId, error: NegotiatorError): void;
  /** Their calls are cancelled, except those that are detached. */
  dismiss(reason: string): void;
  /** The session is lost, and a new one begins: calls that were never sent go into it. */
  lose(sent: NegotiatorError): void;
  /** The session has ended for good. */
  end(sent: NegotiatorError, unsent: NegotiatorError): void;
};

type CallsOptions = {
  limits: Limits;
  served: ServedCalls;
  outlet: Outlet;
  onCall: (call: IncomingCall) => void;
  /** Longest line, in bytes, that the peer takes. */
  peerLineBytes: () => number;
};

export function createCalls({ limits, served, outlet, onCall, peerLineBytes }: CallsOptions): Calls {
  const outgoing = new Map<CallId, OutgoingEnd>();
  const incoming = new Map<CallId, IncomingEnd>();

  const refuse = (id: CallId, error: NegotiatorError): void =>
    outlet.control(saying({ kind: "failure", id, error: toWireError(error) }));

  const leave = (open: Map<CallId, unknown>, id: CallId): void => {
    open.delete(id);
    outlet.leave(id);
  };

  const takeRequest = (request: Request): void => {
    const { id } = request;
    if (id === undefined) return;
    const call = { ...request, id };
    const running = served.running(id);
    const finished = served.finished(id);
    const isKnown = running !== undefined || finished !== undefined;
    if (outgoing.has(id)) refuse(id, clash(id));
    else if (isKnown && served.fingerprintOf(id) !== fingerprint(request)) refuse(id, mistaken(id));
    else if (running !== undefined) attach(call, running);
    else if (finished !== undefined) repeat(call, finished);
    else if (countStreams(request) > limits.streamsPerCall)
      refuse(id, tooMany("streams", limits.streamsPerCall));
    else if (served.runningCount >= limits.openCalls || incoming.size >= 2 * limits.openCalls) {
      refuse(id, tooMany("open calls", limits.openCalls));
    } else accept(call);
  };

  const accept = (request: Request & { id: CallId }): void => {
    const { id } = request;
    const end = createIncomingCall({
      request,
      creditBytes: limits.streamCreditBytes,
      outlet,
      answerBytes: peerLineBytes,
      onAnswer: (answer) => served.finish(id, answer),
      onOver: () => leave(incoming, id),
    });
    served.start(id, end, fingerprint(request));
    incoming.set(id, end);
    onCall(end.call);
  };

  const attach = (request: Request & { id: CallId }, end: IncomingEnd): void => {
    const { id } = request;
    if (incoming.get(id) === end) return;
    incoming.set(id, end);
    end.attach(request, outlet, () => leave(incoming, id));
  };

  /** The bytes of a finished call's streams are gone: they count as missed. */
  const repeat = ({ id }: { id: CallId }, answer: Extract<Message, { kind: "result" | "failure" }>): void => {
    const totals = Object.entries(answer.streams ?? {});
    const offsets = Object.fromEntries(totals.map(([name, { bytes }]) => [name, bytes]));
    outlet.control(saying({ kind: "attached", call: id, offsets }));
    const excess = findExcess(answer, peerLineBytes());
    if (excess === undefined) outlet.control(saying(answer));
    else refuse(id, excess);
  };

  const takeStream = (message: StreamMessage): NegotiatorError | undefined => {
    const { call: id } = message;
    return breakCall(id, (outgoing.get(id) ?? incoming.get(id))?.takeStream(message));
  };

  /** A call whose rules the peer has broken ends, on both sides. */
  const breakCall = (id: CallId, flaw: NegotiatorError | undefined): NegotiatorError | undefined => {
    if (flaw === undefined) return undefined;
    outgoing.get(id)?.breakOff(flaw);
    incoming.get(id)?.cancel(flaw);
    return flaw;
  };

  return {
    get outgoingCount() {
      return outgoing.size;
    },
    get incomingCount() {
      return incoming.size;
    },
    start(options) {
      const { id } = options;
      if (outgoing.has(id) || incoming.has(id)) throw clash(id);
      const onOver = (): void => leave(outgoing, id);
      const end = createOutgoingCall({
        ...options,
        creditBytes: limits.streamCreditBytes,
        outlet,
        peerLineBytes,
        onOver,
      });
      checkSendable(end.request, peerLineBytes());
      outgoing.set(id, end);
      end.submit();
      return end.call;
    },
    take(message) {
      switch (message.kind) {
        case "request":
          takeRequest(message);
          return undefined;
        case "result":
        case "failure":
          return outgoing.get(message.id ?? "")?.takeAnswer(message);
        case "progress":
        case "attached":
          return breakCall(message.call, outgoing.get(message.call)?.takeNotice(message));
        case "cancel":
          incoming.get(message.call)?.cancel(cancelled(message.reason));
          return undefined;
        default:
          return takeStream(message);
      }
    },
    unsend: (id) => outgoing.get(id)?.unsend(),
    refuse(id, error) {
      const mine = outgoing.get(id);
      if (mine === undefined) refuse(id, error);
      else mine.fail(error);
    },
    dismiss(reason) {
      for (const end of incoming.values()) if (!end.call.isDetached) end.cancel(cancelled(reason));
    },
    lose(sent) {
      abandon(incoming);
      for (const end of outgoing.values().toArray()) {
        if (end.call.isSent) end.fail(sent);
        else end.submit();
      }
    },
    end(sent, unsent) {
      abandon(incoming);
      for (const end of outgoing.values().toArray()) end.fail(end.call.isSent ? sent : unsent);
    },
  };
}

function abandon(incoming: Map<CallId, IncomingEnd>): void {
  for (const end of incoming.values()) end.abandon();
  incoming.clear();
}

function countStreams({ streams }: Request): number {
  return streams === undefined ? 0 : Object.keys(streams.read).length + streams.write.length;
}

function clash(id: CallId): NegotiatorError {
  return new NegotiatorError("BAD_REQUEST", `The call id "${id}" belongs to an open call`);
}

function mistaken(id: CallId): NegotiatorError {
  return new NegotiatorError(
    "BAD_REQUEST",
    `The call id "${id}" belongs to a call that asked for something else`,
  );
}

function tooMany(what: string, limit: number): NegotiatorError {
  return new NegotiatorError("BUSY", `Cannot take the call: the limit of ${limit} ${what} is reached`);
}

const CANCELLED = "The call was cancelled: ";

/** `reason` may be what this said on the way here. */
export function cancelled(reason = "the caller cancelled it"): NegotiatorError {
  return new NegotiatorError("CANCELLED", `${CANCELLED}${clipText(reason.replace(CANCELLED, ""))}`);
}
